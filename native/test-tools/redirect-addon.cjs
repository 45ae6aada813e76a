// Loaded before everything else (node --require) by the sanitizer run: whoever loads the addon gets
// the one that URING_WAL_TEST_ADDON names. Not part of the library.
'use strict';

const Module = require('node:module');
const process = require('node:process');

const resolveFilename = Module._resolveFilename;

Module._resolveFilename = function redirected(request, ...rest) {
  const addon = process.env.URING_WAL_TEST_ADDON;
  const wanted = request.endsWith('/Release/uring_wal.node') && addon !== undefined;
  return wanted ? addon : resolveFilename.call(this, request, ...rest);
};
