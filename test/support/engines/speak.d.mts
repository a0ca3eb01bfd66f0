// Types of speak.mjs.
import type { Engine, Run, RunRequest } from "../../../src/engine/engine.js";

/** Submits the request so that its run says `line` first. `submit` is the engine's own. */
export function speak(engine: Engine, submit: Engine["submit"], request: RunRequest, line: string): Run;
