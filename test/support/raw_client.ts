// Clients that no library would write: raw sockets that send what they are told to, and what comes back.
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface Raw {
  readonly port: number;
  /** Where it connects to. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Where it comes from: all of 127.0.0.0/8 is this machine on Linux. */
  readonly from?: string | undefined;
}

export async function open({ port, host = "127.0.0.1", from }: Raw): Promise<Socket> {
  const socket = connect({ port, host, ...(from === undefined ? {} : { localAddress: from }) });
  socket.on("error", () => {}); // A reset is an answer too.
  await once(socket, "connect");
  return socket;
}

export const closed = (socket: Socket) =>
  new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve())));

/** Everything that comes until the server closes the connection. */
export async function send(to: Raw, ...pieces: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = await open(to);
  let got = "";
  socket.setEncoding("utf8").on("data", (text: string) => (got += text));
  for (const piece of pieces) socket.write(piece);
  await closed(socket);
  return got;
}

export const post = (length: number | "chunked", path = "/v1/chat/completions", more = "") =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${length === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`}\r\n${more}\r\n`;

/** 0 where no whole status line came. */
export const status = (response: string) => Number(/^HTTP\/1\.1 (\d+) /.exec(response)?.[1] ?? 0);
