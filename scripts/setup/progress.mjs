// One line for each step on standard error: rewritten in a terminal, sparse elsewhere. Standard output stays the
// program's.

/**
 * @template Result
 * @param {string} label
 * @param {(report: (text: string) => void) => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function showProgress(label, work) {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  const terminal = process.stderr.isTTY === true;
  let detail = "";
  let shownAt = 0;
  const draw = () => process.stderr.write(`\r\x1b[2K${label} ${detail} (${seconds()})`);
  const timer = terminal ? setInterval(draw, 500) : undefined;
  if (terminal) draw();
  else process.stderr.write(`${label} …\n`);
  try {
    const result = await work((text) => {
      if (text === detail) return;
      detail = text;
      if (terminal) return void draw();
      // A log that is read later: a line every twenty seconds is enough.
      if (performance.now() - shownAt < 20_000) return;
      shownAt = performance.now();
      process.stderr.write(`${label} ${text}\n`);
    });
    finish(`${label} done in ${seconds()}\n`);
    return result;
  } catch (error) {
    finish(`${label} failed after ${seconds()}\n`);
    throw error;
  }

  function finish(/** @type {string} */ line) {
    clearInterval(timer);
    process.stderr.write(terminal ? `\r\x1b[2K${line}` : line);
  }
}
