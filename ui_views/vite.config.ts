import { writeFileSync } from "node:fs";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { hostModules } from "./vite.host.ts";

/** Writes down what the entry and the style sheet are called, for the server that names them in its pages. */
function names(): Plugin {
  return {
    name: "names",
    writeBundle(options, bundle) {
      const files = Object.values(bundle);
      const main = files.find((f) => f.type === "chunk" && f.isEntry)?.fileName;
      const style = files.find((f) => f.fileName.endsWith(".css"))?.fileName;
      const short = (name: string | undefined) => name?.replace(/^assets\//, "");
      const text = JSON.stringify({ main: short(main), style: short(style), boot: null });
      writeFileSync(`${options.dir ?? "dist"}/bundle.json`, text);
    },
  };
}

// The pages. Served below /chronos/ui/assets/; addresses inside are relative to the module's own.
export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: mode === "test" ? [] : [hostModules(), names()],
  define: { "process.env.NODE_ENV": JSON.stringify(mode === "test" ? "test" : "production") },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    reportCompressedSize: true,
    chunkSizeWarningLimit: 1700,
    rollupOptions: {
      checks: { moduleLevelDirective: false },
      input: "src/main.tsx",
      preserveEntrySignatures: "strict",
      output: {
        format: "es",
        entryFileNames: "assets/main-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"], globals: false },
}));
