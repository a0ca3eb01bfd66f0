// Names of tools from several servers: each what its server calls it, where that is possible.

const longest = 64;

const usable = (name: string) => name.replace(/[^a-zA-Z0-9_.-]/g, "_").slice(0, longest);

/** A name for each, all different. The servers of those that share one are put in front. */
export function distinctNames(tools: readonly { readonly server: string; readonly name: string }[]): string[] {
  const counts = new Map<string, number>();
  for (const { name } of tools) counts.set(usable(name), (counts.get(usable(name)) ?? 0) + 1);
  const taken = new Set<string>();
  return tools.map(({ server, name }) => {
    const own = usable(name);
    const wanted = counts.get(own) === 1 ? own : usable(`${server}_${name}`);
    let given = wanted;
    // Those that are only cut alike, or of servers that are called alike.
    for (let number = 2; taken.has(given); number++) given = `${wanted.slice(0, longest - 5)}_${number}`;
    taken.add(given);
    return given;
  });
}
