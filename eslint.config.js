// Lint with type information. The layering rule and its table stand in .ci/layers.js.

import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { layersRule } from './.ci/layers.js';

/** The same as TEST_SUPPORT in .ci/layers.js, and the `exclude` of .c8rc.json. */
const TESTS = [
  ...['**/*.test.ts', 'lib/fixtures/**', 'lib/test-tools/**'],
  ...['lib/io/contract*.ts', 'lib/io/test-*.ts'],
];

/** What runs simulations, and may know the hour; the simulation itself may not. */
const SIM_HOST = [
  ...['sim/cli*', 'sim/cli/**', 'sim/campaign*', 'sim/worker*', 'sim/progress*'],
  ...['sim/exhaustive*', 'sim/failure*', 'sim/planted/**'],
];

const TIME = 'Time comes from the driver: driver.now(), delay(), defer().';
const CHANCE = 'Nothing here may depend on chance; take it as a parameter.';
const PAST_THE_SEAM = 'Only the driver touches the world.';

const WORLD_GLOBALS = [
  ...['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate'].map((name) => ({
    name,
    message: TIME,
  })),
  { name: 'crypto', message: CHANCE },
  { name: 'fetch', message: PAST_THE_SEAM },
  { name: 'require', message: PAST_THE_SEAM },
  { name: 'globalThis', message: 'Name the global itself, so that lint can see it.' },
  { name: 'global', message: 'Name the global itself, so that lint can see it.' },
];

const WORLD_PROPERTIES = [
  { object: 'Math', property: 'random', message: CHANCE },
  ...['nextTick', 'hrtime', 'uptime'].map((property) => ({
    object: 'process',
    property,
    message: TIME,
  })),
  { object: 'process', property: 'env', message: 'Options come in as parameters.' },
  { object: 'process', property: 'getBuiltinModule', message: PAST_THE_SEAM },
  { object: 'AbortSignal', property: 'timeout', message: TIME },
  { object: 'Atomics', property: 'wait', message: TIME },
  { object: 'Atomics', property: 'waitAsync', message: TIME },
];

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', '**/build/', '**/node_modules/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { local: { rules: { layers: layersRule } } },
    rules: {
      'local/layers': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Names of an index signature look as what they are: names that may be missing.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      // The public boundary checks what callers without types may pass.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unnecessary-type-conversion': 'off',
      // A driver takes back its own memory and files through the interfaces of the seam.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Wants the `!` that no-non-null-assertion forbids.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // Rejects call<void>(…).
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      'no-control-regex': 'off',
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['lib/**/*.ts'],
    ignores: ['lib/io/!(driver).ts', 'lib/cli/**', ...TESTS],
    rules: {
      'no-restricted-globals': ['error', ...WORLD_GLOBALS],
      'no-restricted-properties': ['error', ...WORLD_PROPERTIES],
    },
  },
  {
    // A seed is the whole story: the same choices give the same trace.
    files: ['sim/**/*.ts'],
    ignores: [...SIM_HOST, ...TESTS],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'Date', message: TIME },
        { name: 'performance', message: TIME },
        { name: 'crypto', message: CHANCE },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: CHANCE },
        { object: 'process', property: 'hrtime', message: TIME },
      ],
    },
  },
  {
    files: TESTS,
    rules: {
      'max-lines': 'off',
      'max-lines-per-function': 'off',
      // Asymmetric matchers (`expect.any`) are typed any.
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: { Buffer: 'readonly', console: 'readonly', process: 'readonly', URL: 'readonly' },
    },
  },
);
