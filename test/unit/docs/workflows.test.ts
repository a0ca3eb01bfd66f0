// The workflows of the public CI, which cannot run here: that what they call is there.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../docs/markdown.js";

const folder = path.join(root, ".github/workflows");
const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};

describe.each(readdirSync(folder))("%s", (name) => {
  const text = readFileSync(path.join(folder, name), "utf8");

  test("every step is a script of ours that is there, or the package manager's own command", () => {
    const commands = [...text.matchAll(/^\s*- run: (.*)$/gm)].map(([, command]) => command!);
    const unknown = commands.filter((command) => {
      const [program, script = ""] = command.split(" ");
      if (program === "node") return !existsSync(path.join(root, script));
      if (program === "npm") return script !== "ci" && scripts[script] === undefined;
      return !/^(gh release create|rustup target add) /.test(command);
    });
    expect(unknown).toEqual([]);
  });

  test("actions have a major version, and workflows that it uses are there", () => {
    const used = [...text.matchAll(/uses: (\S+)/g)].map(([, action]) => action!);
    expect(used.length).toBeGreaterThan(0);
    expect(
      used.filter((action) =>
        action.startsWith("./") ? !existsSync(path.join(root, action)) : !/^actions\/[a-z-]+@v\d+$/.test(action),
      ),
    ).toEqual([]);
  });

  test("it may read and nothing else, unless a job says more", () => {
    expect(text).toMatch(/^permissions:\n {2}contents: read\n\n/m);
  });
});
