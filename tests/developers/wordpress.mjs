// A real WordPress: Debian's files, a database of its own, PHP's own server. All of it is in one folder,
// and gone with it.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { until } from "../browser/server.mjs";

const FILES = "/usr/share/wordpress";
const THEME = "wp-content/themes/twentytwentythree";
/** Where not every path leads. */
const DATABASE = "/usr/sbin/mariadbd";
const FILL = new URL("wordpress.php", import.meta.url).pathname;
/** Everything that PHP has to say is printed into the page, and said on its standard error. */
const PHP = ["-d", "display_errors=1", "-d", "error_reporting=-1", "-d", "log_errors=1", "-d", "html_errors=0", "-d", "opcache.revalidate_freq=0"];
const COMPLAINT = /(Warning|Notice|Deprecated|Fatal error|Parse error): .*/g;

/** Why there can be none here, or false. */
export const missing = () => {
  const runs = (command, ...asked) => {
    try {
      return execFileSync(command, asked, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    } catch {
      return "";
    }
  };
  const lacks = Object.entries({
    "php-cli": runs("php", "--version"),
    "php-mysql": /^mysqli$/m.test(runs("php", "--modules")),
    "mariadb-server-core": runs(DATABASE, "--no-defaults", "--version"),
    wordpress: existsSync(FILES),
    "wordpress-theme-twentytwentythree": existsSync(join(FILES, THEME)),
  }).filter(([, there]) => !there);
  return lacks.length > 0 && `missing: apt-get install ${lacks.map(([name]) => name).join(" ")}`;
};

/** One below those that the kernel gives to connections, which would take it before its server does. */
const freePort = () =>
  new Promise((ready) => {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const server = createServer().listen(port, "127.0.0.1", () => server.close(() => ready(port)));
    server.on("error", () => ready(freePort()));
  });

/** A program that says nothing unless it fails; what it said is kept. */
const keep = (command, args, said = []) => {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => said.push(String(bytes)));
  const gone = new Promise((done) => child.once("exit", done));
  return {
    said,
    alive: () => {
      if (child.exitCode !== null) throw new Error(`${command}: ${said.join("")}`);
    },
    // At once: nothing of it is kept.
    stop: async () => {
      child.kill("SIGKILL");
      await gone;
    },
  };
};

/** A database that only this folder's socket leads to, without users and without tables of its own. */
const database = async (folder) => {
  const socket = join(folder, "socket");
  mkdirSync(join(folder, "database/wordpress"), { recursive: true });
  const running = keep(DATABASE, [
    "--no-defaults", `--user=${userInfo().username}`, `--datadir=${folder}/database`, `--socket=${socket}`, `--pid-file=${folder}/pid`,
    "--skip-networking", "--skip-grant-tables", "--skip-innodb", "--default-storage-engine=Aria",
  ]);
  await until("the database", () => {
    running.alive();
    return existsSync(socket);
  });
  return { socket, stop: running.stop };
};

/** Starts one without the snippet and without a post of ours. */
export const wordpress = async () => {
  const folder = mkdtempSync(join(tmpdir(), "adjacent-wordpress-"));
  const root = join(folder, "site");
  mkdirSync(join(root, "wp-content/themes"), { recursive: true });
  for (const file of readdirSync(FILES, { withFileTypes: true })) {
    // WordPress takes the folder of these for its own.
    if (file.isFile()) cpSync(join(FILES, file.name), join(root, file.name));
  }
  for (const part of ["wp-admin", "wp-includes", THEME]) symlinkSync(join(FILES, part), join(root, part));
  const { socket, stop } = await database(folder);
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const write = (name, text) => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  };
  /** What stands in `wp-config.php`, with lines of a publisher's. */
  const configure = (lines = "") =>
    write("wp-config.php", `<?php
define('DB_NAME', 'wordpress');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:${socket}');
define('WP_HOME', '${base}');
define('WP_SITEURL', '${base}');
define('WP_DEBUG', true);
define('WP_DEBUG_DISPLAY', true);
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
${lines}
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require ABSPATH . 'wp-settings.php';
`);
  configure();
  const running = keep("php", [...PHP, "-S", `127.0.0.1:${port}`, "-t", root]);
  await until("WordPress", () => {
    running.alive();
    return running.said.join("").includes("started");
  });
  return {
    base,
    write,
    configure,
    remove: (name) => rmSync(join(root, name), { recursive: true, force: true }),
    /** Publishes posts under a theme; gives their addresses and terms. */
    publish(posts, theme = "twentytwentythree") {
      const said = execFileSync("php", [...PHP, FILL, root, theme], { input: JSON.stringify(posts), encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
      return JSON.parse(said);
    },
    /** What PHP complained of since this was asked last. */
    complaints: () => running.said.splice(0).join("").match(COMPLAINT) ?? [],
    async stop() {
      await running.stop();
      await stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
};
