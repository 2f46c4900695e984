// Builds what a browser gets into `built/`, which is committed: a server is built without Node. And the
// npm package into `package/dist/`, which is not; `node build.mjs package` builds that alone.
import { execFileSync } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { build, transform } from "esbuild";
import { createHash } from "node:crypto";
import { minify } from "terser";

const here = new URL(".", import.meta.url).pathname;
const targets = ["chrome103", "firefox101", "safari16.4"];

const minified = async (name) => {
  const source = await readFile(`${here}styles/${name}.css`, "utf8");
  const { code } = await transform(source, { loader: "css", minify: true, charset: "utf8", target: targets });
  // Spaces that a custom property may keep and nobody needs.
  return code.trim().replace(/(--\w+:) /g, "$1").replace(/, /g, ",");
};

// One source for the unit's looks: the file that pages link, and the text inside the script.
const unit = await minified("unit");
const sheets = {
  name: "sheets",
  setup(on) {
    on.onResolve({ filter: /^unit\.css$/ }, () => ({ path: "unit.css", namespace: "sheet" }));
    on.onLoad({ filter: /./, namespace: "sheet" }, () => ({ contents: unit, loader: "text" }));
  },
};

const common = {
  bundle: true,
  minify: true,
  legalComments: "none",
  charset: "utf8",
  // A script's own strictness is its modules'; the words would only be carried along.
  tsconfigRaw: { compilerOptions: { strict: true, alwaysStrict: false } },
  plugins: [sheets],
};

const browserFiles = async () => {
  await writeFile(`${here}built/unit.css`, `${unit}${await minified("frame")}\n`);
  await writeFile(`${here}built/site.css`, `${await minified("site")}\n`);
  const bundle = (name, more = {}) =>
    build({
      ...common,
      entryPoints: [`${here}embed/${name}.ts`],
      outfile: `${here}built/${name}.js`,
      format: "iife",
      target: targets,
      ...more,
    });
  // Loaded by pages that ask for it, under the address that a server gives to these bytes.
  await bundle("reading", { format: "esm" });
  const digest = createHash("sha256").update(await readFile(`${here}built/reading.js`));
  const READING = JSON.stringify(`/embed/${digest.digest("hex").slice(0, 16)}.js`);
  await bundle("adjacent", { define: { READING } });
  // The one script that every page loads is pressed once more: this saves what a feature costs.
  const pressed = await minify(await readFile(`${here}built/adjacent.js`, "utf8"), {
    ecma: 2020,
    compress: { passes: 6, unsafe_arrows: true, keep_fargs: false, booleans_as_integers: true },
  });
  // A block keeps names to itself as well as a function does, and is shorter.
  const block = pressed.code.replace(/^\(\(\)=>\{var /, "{let ").replace(/\}\)\(\);$/, "}");
  if (!/^\{let .*\}$/s.test(block)) throw new Error("what was built is not one function of its own");
  await writeFile(`${here}built/adjacent.js`, `${block}\n`);
  for (const name of ["demo", "console", "tables"]) await bundle(name);
};

const npmPackage = async () => {
  const dist = `${here}package/dist`;
  await rm(dist, { recursive: true, force: true });
  for (const [name, banner] of [
    ["index", ""],
    ["react", '"use client";'],
  ]) {
    await build({
      ...common,
      entryPoints: [`${here}package/src/${name}.ts`],
      outfile: `${dist}/${name}.js`,
      banner: { js: banner },
      format: "esm",
      target: "es2020",
      // One copy of the page view and of what was counted, whichever entry it is reached by.
      external: ["react", "./index.js"],
    });
  }
  const types = await mkdtemp(`${tmpdir()}/adjacent-types-`);
  execFileSync(
    `${here}node_modules/.bin/tsc`,
    ["-p", here, "--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--rootDir", here, "--outDir", types],
    { stdio: "inherit" },
  );
  const own = `${types}/package/src`;
  for (const name of await readdir(own)) await cp(`${own}/${name}`, `${dist}/${name}`);
  await rm(types, { recursive: true });
};

if (process.argv[2] !== "package") await browserFiles();
await npmPackage();
