// Runs WordPress from Debian's packages with a temporary MariaDB and PHP's built-in server. Everything is in one
// folder, which `stop` removes.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { until } from "../browser/server.mjs";

const FILES = "/usr/share/wordpress";
const THEME = "wp-content/themes/twentytwentythree";
/** An absolute path, because `/usr/sbin` is often not in PATH. */
const DATABASE = "/usr/sbin/mariadbd";
const FILL = new URL("wordpress.php", import.meta.url).pathname;
/** PHP options: all errors go into the page and to standard error. */
const PHP = ["-d", "display_errors=1", "-d", "error_reporting=-1", "-d", "log_errors=1", "-d", "html_errors=0", "-d", "opcache.revalidate_freq=0"];
const PHP_ERROR = /(Warning|Notice|Deprecated|Fatal error|Parse error): .*/g;

/** The packages missing to run WordPress, as a message, or false. */
export const missing = () => {
  const output = (command, ...args) => {
    try {
      return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    } catch {
      return "";
    }
  };
  const packages = Object.entries({
    "php-cli": output("php", "--version"),
    "php-mysql": /^mysqli$/m.test(output("php", "--modules")),
    "mariadb-server-core": output(DATABASE, "--no-defaults", "--version"),
    wordpress: existsSync(FILES),
    "wordpress-theme-twentytwentythree": existsSync(join(FILES, THEME)),
  }).filter(([, installed]) => !installed);
  return packages.length > 0 && `missing packages: apt-get install ${packages.map(([name]) => name).join(" ")}`;
};

/** A free port below the kernel's ephemeral range, so that no outgoing connection takes it first. */
const freePort = () =>
  new Promise((ready) => {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const server = createServer().listen(port, "127.0.0.1", () => server.close(() => ready(port)));
    server.on("error", () => ready(freePort()));
  });

/** Starts a program and collects its output, which `alive` throws if the program has ended. */
const spawnProgram = (command, args, output = []) => {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => output.push(String(bytes)));
  const exited = new Promise((done) => child.once("exit", done));
  return {
    output,
    alive: () => {
      if (child.exitCode !== null) throw new Error(`${command}: ${output.join("")}`);
    },
    // SIGKILL, because its data is discarded.
    stop: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
};

/** Starts a database on a socket in the folder, without users or system tables. */
const database = async (folder) => {
  const socket = join(folder, "socket");
  mkdirSync(join(folder, "database/wordpress"), { recursive: true });
  const running = spawnProgram(DATABASE, [
    "--no-defaults", `--user=${userInfo().username}`, `--datadir=${folder}/database`, `--socket=${socket}`, `--pid-file=${folder}/pid`,
    "--skip-networking", "--skip-grant-tables", "--skip-innodb", "--default-storage-engine=Aria",
  ]);
  await until("the database", () => {
    running.alive();
    return existsSync(socket);
  });
  return { socket, stop: running.stop };
};

/** Starts WordPress without the snippet and without posts. */
export const wordpress = async () => {
  const folder = mkdtempSync(join(tmpdir(), "adjacent-wordpress-"));
  const root = join(folder, "site");
  mkdirSync(join(root, "wp-content/themes"), { recursive: true });
  for (const file of readdirSync(FILES, { withFileTypes: true })) {
    // Copied, not linked: WordPress derives its root folder from these files.
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
  /** Writes `wp-config.php` with additional lines of the publisher. */
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
  const running = spawnProgram("php", [...PHP, "-S", `127.0.0.1:${port}`, "-t", root]);
  await until("WordPress", () => {
    running.alive();
    return running.output.join("").includes("started");
  });
  return {
    base,
    write,
    configure,
    remove: (name) => rmSync(join(root, name), { recursive: true, force: true }),
    /** Publishes posts with a theme; returns their URLs and terms. */
    publish(posts, theme = "twentytwentythree") {
      const json = execFileSync("php", [...PHP, FILL, root, theme], { input: JSON.stringify(posts), encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
      return JSON.parse(json);
    },
    /** PHP errors since the last call. */
    errors: () => running.output.splice(0).join("").match(PHP_ERROR) ?? [],
    async stop() {
      await running.stop();
      await stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
};
