// Small changes to a built module that each ought to break something: what a programmer could have
// got wrong. Messages, comments and the assertions against our own bugs are left alone.

import ts from 'typescript';

const Kind = ts.SyntaxKind;

/** By operator: what it could be mistaken for. */
const BINARY = new Map([
  [Kind.LessThanToken, ['<=', '>=']],
  [Kind.LessThanEqualsToken, ['<', '>']],
  [Kind.GreaterThanToken, ['>=', '<=']],
  [Kind.GreaterThanEqualsToken, ['>', '<']],
  [Kind.EqualsEqualsEqualsToken, ['!==']],
  [Kind.ExclamationEqualsEqualsToken, ['===']],
  [Kind.PlusToken, ['-']],
  [Kind.MinusToken, ['+']],
  [Kind.AsteriskToken, ['/']],
  [Kind.SlashToken, ['*']],
  [Kind.PercentToken, ['*']],
  [Kind.AmpersandAmpersandToken, ['||']],
  [Kind.BarBarToken, ['&&']],
  [Kind.QuestionQuestionToken, ['&&']],
  [Kind.PlusEqualsToken, ['-=']],
  [Kind.MinusEqualsToken, ['+=']],
  [Kind.QuestionQuestionEqualsToken, ['=']],
  [Kind.AmpersandToken, ['|']],
  [Kind.BarToken, ['&']],
  [Kind.CaretToken, ['|']],
]);

/** By method: what else could have been called. */
const METHODS = new Map([
  ['min', 'max'],
  ['max', 'min'],
  ['ceil', 'floor'],
  ['floor', 'ceil'],
  ['push', 'unshift'],
  ['shift', 'pop'],
  ['some', 'every'],
  ['every', 'some'],
]);

/** Our own assertions, and what only words things. */
const LEFT_ALONE = /^(assert|assertNever|describe)$/;

/**
 * Every mutant of a module: where it begins and ends in the text, what stands there instead, and
 * the line it is on.
 */
export function mutantsOf(text) {
  const source = ts.createSourceFile('module.js', text, ts.ScriptTarget.ES2023, true);
  const mutants = [];
  const add = (node, replacement) => {
    const start = node.getStart(source);
    const { line } = source.getLineAndCharacterOfPosition(start);
    mutants.push({ start, end: node.getEnd(), replacement, line: line + 1 });
  };
  const visit = (node) => {
    if (isLeftAlone(node)) return;
    mutate(node, add, source);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants;
}

/** The text with one mutant in it. */
export function applied(text, { start, end, replacement }) {
  return text.slice(0, start) + replacement + text.slice(end);
}

function isLeftAlone(node) {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return true;
  if (ts.isThrowStatement(node) || ts.isTemplateExpression(node)) return true;
  // Errors are worded in calls of their own: new WalError(…).
  if (ts.isNewExpression(node) && /Error$/.test(node.expression.getText())) return true;
  return ts.isCallExpression(node) && LEFT_ALONE.test(node.expression.getText());
}

function mutate(node, add, source) {
  if (ts.isBinaryExpression(node)) {
    for (const operator of BINARY.get(node.operatorToken.kind) ?? []) {
      if (!isAboutWords(node)) add(node.operatorToken, operator);
    }
    return;
  }
  if (ts.isIfStatement(node) || ts.isWhileStatement(node)) {
    if (ts.isIfStatement(node)) add(node.expression, 'true');
    add(node.expression, 'false');
    return;
  }
  if (ts.isConditionalExpression(node) && !isAboutWords(node)) {
    add(node.condition, 'true');
    add(node.condition, 'false');
    return;
  }
  if (ts.isPrefixUnaryExpression(node) && node.operator === Kind.ExclamationToken) {
    add(node, node.operand.getText(source));
    return;
  }
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const text = node.getText(source);
    if (text.includes('++')) add(node, text.replace('++', '--'));
    if (text.includes('--')) add(node, text.replace('--', '++'));
    return;
  }
  if (node.kind === Kind.TrueKeyword) add(node, 'false');
  else if (node.kind === Kind.FalseKeyword) add(node, 'true');
  else if (ts.isNumericLiteral(node)) add(node, `(${node.text} + 1)`);
  else if (ts.isAwaitExpression(node)) add(node, `(${node.expression.getText(source)})`);
  else mutateStatement(node, add);
}

function mutateStatement(node, add) {
  if (ts.isPropertyAccessExpression(node) && METHODS.has(node.name.text)) {
    add(node.name, METHODS.get(node.name.text));
  } else if (ts.isExpressionStatement(node) && !isAssertion(node.expression)) {
    add(node, ';');
  } else if (ts.isReturnStatement(node) && node.expression !== undefined) {
    add(node.expression, 'undefined');
  } else if (ts.isBreakStatement(node) || ts.isContinueStatement(node)) {
    add(node, ';');
  }
}

function isAssertion(node) {
  return ts.isCallExpression(node) && LEFT_ALONE.test(node.expression.getText());
}

/** Strings are put together: only what a person reads changes. */
function isAboutWords(node) {
  let found = false;
  const look = (child) => {
    found ||= ts.isStringLiteral(child) && child.text.length > 12;
    found ||= ts.isTemplateExpression(child);
    if (!found) ts.forEachChild(child, look);
  };
  look(node);
  return found;
}
