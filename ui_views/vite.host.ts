import type { Plugin } from "vite";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Modules that the host has loaded already, and the global by which it gives them (Airflow sets these). */
const GIVEN: Readonly<Record<string, string>> = {
  react: "React",
  "react-dom": "ReactDOM",
  "react/jsx-runtime": "ReactJSXRuntime",
  "react-router-dom": "ReactRouterDOM",
};

const PREFIX = "\0host:";

/** Takes React from the page that shows the bundle: two copies of it in one page do not work together. */
export function hostModules(): Plugin {
  return {
    name: "host-modules",
    enforce: "pre",
    resolveId(id) {
      return id in GIVEN ? PREFIX + id : null;
    },
    async load(id) {
      if (!id.startsWith(PREFIX)) return null;
      const name = id.slice(PREFIX.length);
      const names = Object.keys(await load(name)).filter((n) => n !== "default" && /^[A-Za-z_$][\w$]*$/.test(n));
      return `const given = globalThis.${GIVEN[name]};\nexport default given;\nexport const { ${names.join(", ")} } = given;\n`;
    },
  };
}

async function load(name: string): Promise<object> {
  try {
    return require(name) as object;
  } catch {
    return (await import(name)) as object;
  }
}
