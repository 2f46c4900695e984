// Packs the npm package and installs it from the tarball into a separate project.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const HERE = new URL(".", import.meta.url).pathname;
const WEB = new URL("../../src/web/", import.meta.url).pathname;

const run = (cwd, command, ...args) => {
  try {
    const stdio = ["ignore", "pipe", "pipe"];
    return execFileSync(command, args, { cwd, encoding: "utf8", maxBuffer: 2 ** 26, stdio });
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}: ${`${error.stdout}${error.stderr}`.slice(-4000)}`);
  }
};

/** Packs the package and installs the tarball into a project that has React. */
export const install = () => {
  const folder = mkdtempSync(join(tmpdir(), "adjacent-project-"));
  run(WEB, "node", "build.mjs", "package");
  const [packed] = JSON.parse(run(join(WEB, "package"), "npm", "pack", "--json", "--pack-destination", folder));
  cpSync(join(HERE, "project"), folder, { recursive: true });
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  run(folder, "npm", "ci", ...quiet);
  run(folder, "npm", "install", "--no-save", ...quiet, join(folder, packed.filename));
  const bin = (name) => join(folder, "node_modules", ".bin", name);
  const bundle = (name, ...more) =>
    run(folder, bin("esbuild"), `src/${name}`, "--bundle", "--format=esm", "--log-level=warning", ...more);
  return {
    folder,
    /** The paths in the tarball. */
    files: packed.files.map((file) => file.path).sort(),
    /** Writes a source file of the project. */
    write: (name, text) => writeFileSync(join(folder, "src", name), text),
    /** Type-checks the project; throws the compiler's output. */
    check: (...more) => run(folder, bin("tsc"), "-p", ".", ...more),
    /** Type-checks one source file with TypeScript 5, which still has the older module resolution. */
    checkOld(text, ...more) {
      mkdirSync(join(folder, "old"), { recursive: true });
      writeFileSync(join(folder, "old/package.json"), '{ "type": "commonjs" }');
      writeFileSync(join(folder, "old/main.ts"), text);
      const options = ["--noEmit", "--strict", "--target", "es2022", "--types", "react", "--jsx", "react-jsx"];
      const tsc = join(folder, "node_modules/typescript-5/bin/tsc");
      return run(join(folder, "old"), "node", tsc, ...options, ...more, "main.ts");
    },
    /** Runs CommonJS code; returns what it prints. */
    run(text) {
      writeFileSync(join(folder, "common.cjs"), text);
      return run(folder, "node", "common.cjs");
    },
    /** Bundles a source file as a module. */
    bundle,
    /** Imports a module that resolves packages from the project, in Node. */
    load(name, source) {
      const text = source ?? bundle(name, "--platform=node", "--packages=external");
      const path = join(folder, `${name.replace(/\W/g, "-")}.mjs`);
      writeFileSync(path, text);
      return import(pathToFileURL(path).href);
    },
    installed: () => readdirSync(join(folder, "node_modules/@adjacent/web")),
    manifest: () => JSON.parse(readFileSync(join(folder, "node_modules/@adjacent/web/package.json"), "utf8")),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
};

/** A local key of a server started by `tests/browser/server.mjs`. */
export const key = (server, party) => {
  const text = readFileSync(join(server.folder, "data/local-keys.toml"), "utf8");
  return text.match(new RegExp(`^${party} = "(.*)"`, "m"))[1];
};
