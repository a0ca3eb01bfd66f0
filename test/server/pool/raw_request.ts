// A POST with headers that fetch does not let programs set.
import { request } from "node:http";

/** Gives its status. */
export function rawRequest(url: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { method: "POST", headers }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode!));
    });
    sent.on("error", reject);
    sent.end(JSON.stringify({ model: "a" }));
  });
}
