// Builds what a browser gets into `built/`, which is committed: a server is built without Node.
import { build, transform } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";

const here = new URL(".", import.meta.url).pathname;
const targets = ["chrome94", "firefox93", "safari15.4"];

const minified = async (name) => {
  const source = await readFile(`${here}styles/${name}.css`, "utf8");
  const { code } = await transform(source, { loader: "css", minify: true, target: targets });
  // Spaces that a custom property may keep and nobody needs.
  return code.trim().replace(/(--\w+:) /g, "$1").replace(/, /g, ",");
};

// One source for the unit's looks: the file that pages link, and the text inside the script.
const unit = await minified("unit");
await writeFile(`${here}built/unit.css`, `${unit}${await minified("frame")}\n`);
await writeFile(`${here}built/site.css`, `${await minified("site")}\n`);

const sheets = {
  name: "sheets",
  setup(on) {
    on.onResolve({ filter: /^unit\.css$/ }, () => ({ path: "unit.css", namespace: "sheet" }));
    on.onLoad({ filter: /./, namespace: "sheet" }, () => ({ contents: unit, loader: "text" }));
  },
};

for (const name of ["adjacent", "demo", "console"]) {
  await build({
    entryPoints: [`${here}embed/${name}.ts`],
    outfile: `${here}built/${name}.js`,
    bundle: true,
    format: "iife",
    minify: true,
    legalComments: "none",
    charset: "utf8",
    target: targets,
    // A script's own strictness is its modules'; the words would only be carried along.
    tsconfigRaw: { compilerOptions: { strict: true, alwaysStrict: false } },
    plugins: [sheets],
  });
}
