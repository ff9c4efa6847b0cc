import js from "@eslint/js";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist", "node_modules"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  { languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["eslint.config.js"] } } } },
  jsxA11y.flatConfigs.recommended,
  reactHooks.configs.flat["recommended-latest"],
  {
    rules: {
      // Each condition in markup counts; so does each default.
      complexity: ["error", 30],
      // What scrolls must be reached by the keyboard.
      "jsx-a11y/no-noninteractive-tabindex": "off",
      "max-lines": ["error", 400],
      "no-restricted-properties": [
        "error",
        { property: "dangerouslySetInnerHTML", message: "output of tools must never become markup" },
        { property: "innerHTML", message: "output of tools must never become markup" },
      ],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  { files: ["src/**/*.ts"], rules: { complexity: ["error", 20] } },
  { files: ["eslint.config.js"], ...tseslint.configs.disableTypeChecked },
);
