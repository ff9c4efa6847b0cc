import { readFileSync, writeFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

function addName(): Plugin {
  return {
    name: "add-name",
    writeBundle(options, bundle) {
      const file = `${options.dir ?? "dist"}/bundle.json`;
      const known = JSON.parse(readFileSync(file, "utf-8")) as Record<string, unknown>;
      const boot = Object.values(bundle).find((f) => f.type === "chunk" && f.isEntry)?.fileName;
      writeFileSync(file, JSON.stringify({ ...known, boot: boot?.replace(/^assets\//, "") }));
    },
  };
}

// React and the router, for the pages outside Airflow's: the host of the bundle that vite.config.ts makes.
export default defineConfig({
  base: "./",
  plugins: [addName()],
  define: { "process.env.NODE_ENV": JSON.stringify("production") },
  build: {
    outDir: "dist",
    emptyOutDir: false,
    copyPublicDir: false,
    target: "es2022",
    modulePreload: false,
    rollupOptions: {
      checks: { moduleLevelDirective: false },
      input: "src/standalone.tsx",
      output: { format: "es", entryFileNames: "assets/boot-[hash].js" },
    },
  },
});
