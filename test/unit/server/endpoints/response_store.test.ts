// What is stored of responses: within limits, apart by key, whole for as long as it is there, and gone at the end.
import { describe, expect, test } from "vitest";
import { ResponseStore, StoredResponse, type Item } from "../../../../src/server/responses/response_store.js";
import { handler, open, post, url } from "../scripted_handler.js";

const message = (id: string, text: string): Item => ({ id, type: "message", content: text });
const stored = (id: string, previous?: StoredResponse, text = "x") =>
  new StoredResponse({ id }, [message(`in_${id}`, text)], [message(`out_${id}`, text)], previous);
const limits = (maxStoredResponses: number, maxStoredResponseBytes = 1e6) => ({
  maxStoredResponses,
  maxStoredResponseBytes,
});

describe("the store", () => {
  test("drops the responses that were not used for longest, of the key that has most", () => {
    const store = new ResponseStore(limits(4));
    for (const id of ["a", "b", "c"]) store.add("one", stored(id));
    store.add("two", stored("d"));
    store.find("one", "a");
    store.add("two", stored("e"));
    expect(["a", "b", "c"].map((id) => store.find("one", id) !== undefined)).toEqual([true, false, true]);
    expect(["d", "e"].map((id) => store.find("two", id) !== undefined)).toEqual([true, true]);
    expect(store.count).toBe(4);
  });

  test("counts the bytes of all that is held, and none of what is gone", () => {
    const one = stored("a");
    const store = new ResponseStore(limits(100, one.bytes * 5));
    let last: StoredResponse | undefined;
    for (let index = 0; index < 50; index++) {
      store.add("k", (last = stored(`a${index % 10}`.padEnd(2), index % 3 === 0 ? undefined : last)));
      expect(store.bytes).toBeLessThanOrEqual(one.bytes * 5 + 50);
    }
    for (let index = 0; index < 10; index++) store.delete("k", `a${index}`);
    expect([store.count, store.bytes]).toEqual([0, 0]);
    const huge = stored("huge", undefined, "x".repeat(1e5));
    store.add("k", huge);
    expect([store.count, store.bytes, store.find("k", "huge")]).toEqual([0, 0, undefined]);
  });

  test("a response keeps the conversation that it continues, whatever is deleted before it", () => {
    const store = new ResponseStore(limits(10));
    const first = stored("a");
    const second = stored("b", first);
    store.add("k", first);
    store.add("k", second);
    expect(store.delete("k", "a")).toBe(true);
    expect(store.delete("k", "a")).toBe(false);
    expect(store.find("k", "b")!.conversation.map(({ id }) => id)).toEqual(["in_a", "out_a", "in_b", "out_b"]);
    expect(store.findItem("k", "out_a")).toBeDefined();
    expect(store.findItem("other", "out_a")).toBeUndefined();
    store.delete("k", "b");
    expect([store.bytes, store.findItem("k", "out_a")]).toEqual([0, undefined]);
  });

  test("an id that is stored twice counts once", () => {
    const store = new ResponseStore(limits(10));
    store.add("k", stored("a"));
    store.add("k", stored("a"));
    expect([store.count, store.bytes]).toEqual([1, stored("a").bytes]);
  });

  test("is empty and stays so when it is closed", () => {
    const store = new ResponseStore(limits(10));
    store.add("k", stored("a"));
    store.close();
    store.add("k", stored("b"));
    expect([store.count, store.bytes, store.find("k", "a"), store.find("k", "b")]).toEqual([
      0,
      0,
      undefined,
      undefined,
    ]);
  });
});

describe("the server", () => {
  const ask = async (body: object, headers: Record<string, string> = {}) =>
    (await (await post("/v1/responses", { input: "Hi", ...body }, headers)).json()) as any;
  const get = async (id: string, headers: Record<string, string> = {}) =>
    (await handler.fetch(new Request(`${url}/v1/responses/${id}`, { headers }))).status;

  test("keeps responses of different keys apart, by all ways to them", async () => {
    await open({ apiKeys: ["a", "b"] });
    const [mine, other] = [{ "x-api-key": "a" }, { "x-api-key": "b" }];
    const { id, output } = await ask({}, mine);
    expect(await get(id, mine)).toBe(200);
    expect(await get(id, other)).toBe(404);
    expect(await get(id)).toBe(401);
    expect((await ask({ previous_response_id: id }, other)).error.code).toBe("previous_response_not_found");
    expect((await ask({ previous_response_id: id }, mine)).previous_response_id).toBe(id);
    const input = [
      { type: "item_reference", id: output[0].id },
      { role: "user", content: "Hi" },
    ];
    expect((await ask({ input }, other)).error.code).toBe("not_found");
    expect((await ask({ input }, mine)).status).toBe("completed");
    const remove = (headers: Record<string, string>) =>
      handler.fetch(new Request(`${url}/v1/responses/${id}`, { method: "DELETE", headers }));
    expect((await remove(other)).status).toBe(404);
    expect(await (await remove(mine)).json()).toEqual({ id, object: "response", deleted: true });
    expect(await get(id, mine)).toBe(404);
  });

  test("stores nothing with store: false, with a limit of 0, of an answer that failed, and after its end", async () => {
    expect(await get((await ask({ store: false })).id)).toBe(404);
    const { id } = await ask({});
    expect(await get(id)).toBe(200);
    await handler.close();
    expect(await get(id)).toBe(404);
    await open({ maxStoredResponses: 0 });
    expect(await get((await ask({})).id)).toBe(404);
  });

  test("goes on with no conversation that is larger than a body may be", async () => {
    await open({ maxBodyBytes: 3_000 });
    let last = (await ask({ input: "x".repeat(1_000) })).id as string;
    let error: { code: string } | null | undefined;
    for (let turn = 0; turn < 9 && !error; turn++) {
      const next = await ask({ previous_response_id: last });
      error = next.error;
      last = next.id;
    }
    expect(error?.code).toBe("request_too_large");
  });
});
