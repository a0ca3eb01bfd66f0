// A program with a model on a server, whose address it is given, that has no end of its own.
import { connect } from "../../../dist/index.js";

const [url, how] = process.argv.slice(2);
const model = await connect(url, { format: "hermes", retries: 0 });
const reply = model.reply("Count.", { maxTokens: 1_000_000 });
if (how === "unread") await reply[Symbol.asyncIterator]().next();
if (how === "awaited") console.log((await reply).text);
