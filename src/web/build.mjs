// Builds the browser files into `built/`, which is committed so that the server builds without Node, and
// the npm package into `package/dist/`, which is not. `node build.mjs package` builds only the package.
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
  // Spaces that the minifier keeps in custom properties, and a prefix for old browsers only.
  return code.trim().replace(/(--\w+:) /g, "$1").replace(/, /g, ",").replace(" / 1", "/1").replace(/-webkit-print-[^;]*;/g, "");
};

// One source for the unit's styles: the file that pages link, and the text inside the script.
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
  // Omits "use strict" to save bytes.
  tsconfigRaw: { compilerOptions: { strict: true, alwaysStrict: false } },
  plugins: [sheets],
};

const browserFiles = async () => {
  await writeFile(`${here}built/unit.css`, `${unit}${await minified("frame")}\n`);
  await writeFile(`${here}built/site.css`, `${await minified("site")}\n`);
  await cp(`${here}styles/icon.svg`, `${here}built/icon.svg`);
  const bundle = (name, more = {}) =>
    build({
      ...common,
      entryPoints: [`${here}embed/${name}.ts`],
      outfile: `${here}built/${name}.js`,
      format: "iife",
      target: targets,
      ...more,
    });
  // Loaded on request, at the hash path under which the server serves these bytes; one file loads the next.
  const onRequest = async (name, define) => {
    await bundle(name, { format: "esm", define, external: ["./*.js"] });
    const digest = createHash("sha256").update(await readFile(`${here}built/${name}.js`));
    return `${digest.digest("hex").slice(0, 16)}.js`;
  };
  const debug = await onRequest("debug", {});
  const reading = await onRequest("reading", { DEBUG: JSON.stringify(`./${debug}`) });
  await bundle("adjacent", { define: { READING: JSON.stringify(`/embed/${reading}`) } });
  // The embed script, which every page loads, is minified a second time with terser.
  const compressed = await minify(await readFile(`${here}built/adjacent.js`, "utf8"), {
    ecma: 2020,
    compress: { passes: 6, unsafe_arrows: true, keep_fargs: false, booleans_as_integers: true },
  });
  // A block scopes its names like a function and is shorter.
  const block = compressed.code.replace(/^\(\(\)=>\{var /, "{let ").replace(/\}\)\(\);$/, "}");
  if (!/^\{let .*\}$/s.test(block)) throw new Error("adjacent.js: expected one top-level function");
  await writeFile(`${here}built/adjacent.js`, `${block}\n`);
  for (const name of ["demo", "console", "publisher", "tables", "code"]) await bundle(name);
};

/** Leaves the import of the package's main module as it is, under this path. */
const externalIndex = (path) => ({
  name: "index",
  setup: (on) => on.onResolve({ filter: /^\.\/index\.js$/ }, () => ({ path, external: true })),
});

const npmPackage = async () => {
  const dist = `${here}package/dist`;
  await rm(dist, { recursive: true, force: true });
  for (const [name, banner] of [
    ["index", ""],
    ["react", '"use client";'],
  ]) {
    for (const [format, ending] of [
      ["esm", "js"],
      ["cjs", "cjs"],
    ])
      await build({
        ...common,
        // Both entry points share one copy of the state (page views, sent events).
        plugins: [...common.plugins, externalIndex(`./index.${ending}`)],
        entryPoints: [`${here}package/src/${name}.ts`],
        outfile: `${dist}/${name}.${ending}`,
        banner: { js: banner },
        format,
        target: "es2020",
        external: ["react"],
      });
  }
  const types = await mkdtemp(`${tmpdir()}/adjacent-types-`);
  execFileSync(
    `${here}node_modules/.bin/tsc`,
    ["-p", here, "--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--rootDir", here, "--outDir", types],
    { stdio: "inherit" },
  );
  const own = `${types}/package/src`;
  for (const name of await readdir(own)) {
    await cp(`${own}/${name}`, `${dist}/${name}`);
    // The same types for CommonJS, which must name CommonJS files.
    const text = await readFile(`${own}/${name}`, "utf8");
    const cjs = text.replace(/(from "\.\/\w+)\.js"/g, '$1.cjs"');
    await writeFile(`${dist}/${name.replace(/\.ts$/, ".cts")}`, cjs);
  }
  await rm(types, { recursive: true });
};

if (process.argv[2] !== "package") await browserFiles();
await npmPackage();
