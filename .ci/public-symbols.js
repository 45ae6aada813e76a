// What the package exports, as the TypeScript compiler sees it, and the examples in its docstrings.

import { join } from 'node:path';
import ts from 'typescript';

const OPTIONS = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  skipLibCheck: true,
};

/**
 * Every export of the entry points, and every public method of an exported class:
 * `{ entry, name, isType, owner, examples }`; `owner` is the class of a method.
 */
export function publicSymbols(root, entries) {
  const files = entries.map((entry) => join(root, entry));
  const program = ts.createProgram(files, OPTIONS);
  const checker = program.getTypeChecker();
  return files.flatMap((file, i) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file));
    return checker.getExportsOfModule(module).flatMap((exported) => {
      const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
      const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported;
      const isType = (symbol.flags & ts.SymbolFlags.Value) === 0;
      const [declaration] = symbol.declarations;
      const entry = entries[i];
      const itself = { entry, name: exported.name, isType, examples: examplesOf(declaration) };
      return [itself, ...methodsOf(declaration, { entry, owner: exported.name })];
    });
  });
}

function methodsOf(declaration, common) {
  if (!ts.isClassDeclaration(declaration)) return [];
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return declaration.members
    .filter((member) => ts.isMethodDeclaration(member) && !ts.isPrivateIdentifier(member.name))
    .filter((member) => (ts.getCombinedModifierFlags(member) & hidden) === 0)
    .map((member) => ({
      ...common,
      name: member.name.getText(),
      isType: false,
      examples: examplesOf(member),
    }));
}

function examplesOf(declaration) {
  // A variable's docstring stands at its statement.
  return ts
    .getJSDocTags(declaration)
    .filter(({ tagName }) => tagName.text === 'example')
    .map((tag) => codeOf(tag));
}

/** The text as it is written: the compiler's own rendering takes indentation away. */
function codeOf(tag) {
  const text = tag.getSourceFile().text.slice(tag.tagName.end, tag.end);
  return text
    .replace(/^ *\* ?/gm, '')
    .replace(/\*?\/?\s*$/, '')
    .trim();
}
