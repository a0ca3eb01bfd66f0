// Where `node:diagnostics_channel` is told of downloads; download_events.ts says what.
import { channel } from "node:diagnostics_channel";

export const downloadChannels = {
  start: channel("caduceus:download:start"),
  retry: channel("caduceus:download:retry"),
  end: channel("caduceus:download:end"),
};
