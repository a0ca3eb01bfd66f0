// Several servers with the same model: which of them takes a request. It ends at choosing one; nothing is moved between
// servers, and nothing is computed twice.
import { CaduceusError } from "../../../errors.js";
import { sleepUnlessAborted } from "../../../follow_signal.js";
import type { EngineCapabilities, ModelInfo, ServerStats } from "../../engine.js";
import type { Choice, Lease, RemoteServer, ServerChoice, ServerRequest } from "../remote_server.js";
import { isFault, isMovable, Member } from "./member.js";
import { PrefixTable, prefixHashes } from "./prefix_table.js";

/** How often servers are looked at while requests are under way. */
const checkEveryMs = 3_000;
/** A server keeps its conversations as long as it has not this many tokens more to do than twice the least busy one. */
const slackTokens = 4_096;
/** Of a request without a limit. */
const usualTokens = 512;

export class Fleet implements ServerChoice {
  readonly info: ModelInfo;
  readonly capabilities: EngineCapabilities;
  readonly #members: readonly Member[];
  readonly #prefixes = new PrefixTable();
  readonly #preserved: string[] = [];
  #underWay = 0;
  #checks: NodeJS.Timeout | undefined;

  /** Opens as many of the servers as answer; rejects with the first failure where none does. */
  static async open(
    urls: readonly string[],
    open: (url: string, signal?: AbortSignal) => Promise<RemoteServer>,
    signal: AbortSignal | undefined,
  ): Promise<Fleet> {
    let fleet: Fleet | undefined;
    const members = urls.map(
      (url) =>
        new Member(url, async (checkSignal) => {
          const server = await open(url, fleet === undefined ? signal : checkSignal);
          fleet?.join(server);
          return server;
        }),
    );
    const opened = await Promise.allSettled(
      members.map((member) => member.open(signal ?? new AbortController().signal)),
    );
    const failures = opened.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    // What is wrong with the options or the key is wrong for good.
    const fatal = failures.find((failure) => !isMovable(failure));
    try {
      if (fatal !== undefined) throw fatal;
      if (failures.length === members.length) throw failures[0];
      signal?.throwIfAborted();
      fleet = new Fleet(members, (member) => {
        const how = opened[members.indexOf(member)]!;
        return how.status === "rejected" ? how.reason : undefined;
      });
      return fleet;
    } catch (error) {
      for (const { server } of members) server?.close();
      throw error;
    }
  }

  /** @param failureOf why a member could not be opened */
  private constructor(members: readonly Member[], failureOf: (member: Member) => unknown) {
    this.#members = members;
    const servers = members.flatMap(({ server }) => server ?? []);
    const [first] = servers as [RemoteServer];
    this.info = { ...first.info, contextSize: Math.min(...servers.map(({ info }) => info.contextSize)) };
    this.capabilities = togetherCapable(servers.map(({ capabilities }) => capabilities));
    for (const server of servers) refuseOther(this.info, server);
    for (const member of members) if (member.server === undefined) member.eject(failureOf(member));
  }

  /** A server that answers for the first time when the others are in use already. */
  join(server: RemoteServer): void {
    try {
      refuseOther(this.info, server);
    } catch (error) {
      server.close();
      throw error;
    }
    server.preserveTokens(this.#preserved);
  }

  async choose({ request, failed }: Choice, signal: AbortSignal | undefined): Promise<Lease> {
    for (const member of this.#members) if (!member.isUp) void member.check();
    const hashes = request === undefined ? [] : prefixHashes(request.prompt, request.cacheScope);
    const member = this.#choose(hashes, failed) ?? (await this.#firstToReturn(signal));
    this.#prefixes.keep(hashes, this.#members.indexOf(member));
    return this.#lease(member, request, failed);
  }

  preserveTokens(texts: readonly string[]): void {
    this.#preserved.push(...texts);
    for (const { server } of this.#members) server?.preserveTokens(texts);
  }

  stats(): ServerStats[] {
    return this.#members.map((member) => member.stats);
  }

  close(): void {
    clearInterval(this.#checks);
    for (const { server } of this.#members) server?.close();
  }

  #choose(hashes: readonly number[], failed: ReadonlySet<RemoteServer>): Member | undefined {
    const up = this.#members.filter(({ isUp }) => isUp);
    // All of them have failed it: once more from the beginning, after a wait.
    const fresh = up.filter(({ server }) => !failed.has(server!));
    const candidates = fresh.length > 0 ? fresh : up;
    if (candidates.length === 0) return undefined;
    const least = candidates.reduce((best, one) => (one.outstanding < best.outstanding ? one : best));
    const known = this.#members[this.#prefixes.find(hashes) ?? -1];
    const isFit = known !== undefined && candidates.includes(known);
    return isFit && known.outstanding <= 2 * least.outstanding + slackTokens ? known : least;
  }

  /** None is up: the one that is looked at next is waited for, and then the request itself is the check. */
  async #firstToReturn(signal: AbortSignal | undefined): Promise<Member> {
    const known = this.#members.filter(({ server }) => server !== undefined);
    const next = known.reduce((best, one) => (one.pausedUntil < best.pausedUntil ? one : best));
    const pause = next.pausedUntil - performance.now();
    if (pause > 0) await sleepUnlessAborted(pause, signal);
    return next;
  }

  #lease(member: Member, request: ServerRequest | undefined, failed: ReadonlySet<RemoteServer>): Lease {
    let left = request === undefined ? 0 : costOf(request);
    const take = (tokens: number) => {
      const taken = Math.min(left, tokens);
      left -= taken;
      member.outstanding -= taken;
    };
    member.outstanding += left;
    if (request !== undefined) member.count(1);
    const waiting = member.wait();
    this.#count(1);
    return {
      server: member.server!,
      lost: waiting.signal,
      progress: (tokens) => {
        member.endWait(waiting);
        take(tokens);
      },
      end: (how, failure) => {
        member.endWait(waiting);
        take(left);
        if (request !== undefined) member.count(-1);
        this.#count(-1);
        if (how === "answered") member.return();
        if (how !== "failed") return false;
        const isToBlame = isFault(failure);
        // It was ejected already when it was found to be lost.
        if (isToBlame && !waiting.signal.aborted) member.eject(failure);
        // Where none is up, choosing waits. Where all are busy, nothing else does.
        const isAnotherUp = () => this.#members.some(({ isUp, server }) => isUp && !failed.has(server!));
        return isMovable(failure) && (isToBlame || isAnotherUp());
      },
    };
  }

  /** Looks at the servers as long as requests are under way: those that wait for a dead one are moved. */
  #count(change: 1 | -1): void {
    this.#underWay += change;
    if (this.#underWay === 0) {
      clearInterval(this.#checks);
      this.#checks = undefined;
    } else
      this.#checks ??= setInterval(() => {
        for (const member of this.#members) void member.check();
      }, checkEveryMs).unref();
  }
}

/** What all of them can. */
function togetherCapable(each: readonly EngineCapabilities[]): EngineCapabilities {
  const all = (name: keyof EngineCapabilities) => each.every((capabilities) => capabilities[name]);
  const unless = (name: "tokenizes" | "limitsThoughts" | "constrainsOtherCalls") =>
    each.some((capabilities) => capabilities[name] === false) ? { [name]: false } : {};
  return {
    constrained: all("constrained"),
    prefixSharing: all("prefixSharing"),
    logProbabilities: all("logProbabilities"),
    deterministic: all("deterministic"),
    ...unless("tokenizes"),
    ...unless("limitsThoughts"),
    ...unless("constrainsOtherCalls"),
    ...(each.some(({ grammar }) => grammar === "gbnf") ? { grammar: "gbnf" } : {}),
  };
}

function costOf({ prompt, maxTokens = usualTokens }: ServerRequest): number {
  const size = prompt.reduce(
    (sum, part) =>
      sum + ("tokens" in part ? part.tokens.length : ("text" in part ? part.text : part.control).length / 4),
    0,
  );
  return Math.ceil(size) + maxTokens;
}

/** A prompt is made once, for all of them. */
function refuseOther(info: ModelInfo, server: RemoteServer): void {
  const { vocabularySize, chatTemplate, purpose } = server.info;
  if (vocabularySize === info.vocabularySize && chatTemplate === info.chatTemplate && purpose === info.purpose) return;
  throw new CaduceusError("INVALID_ARGUMENT", `The server ${server.url} has another model than the first one.`, {
    param: "url",
    remedy: "The servers of a fleet must have the same model.",
  });
}
