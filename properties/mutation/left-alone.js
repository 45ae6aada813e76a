// What is no promise of the library, and so not mutated: assertions against our own bugs, which no
// caller can break, and the words of errors.

import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

const ASSERTIONS = new Set(['assert', 'assertNever']);

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'left-alone', {
    shouldIgnore(path) {
      if (path.isCallExpression() && ASSERTIONS.has(path.node.callee.name)) {
        return 'an assertion against our own bugs';
      }
      if (path.isNewExpression() && /Error$/.test(path.node.callee.name)) {
        return 'the words of an error';
      }
      return undefined;
    },
  }),
];
