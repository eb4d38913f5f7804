#!/usr/bin/env node
'use strict'

const { main } = require('./main.js')

main(process.argv.slice(2)).then((status) => {
  // Not `process.exit`: what was written may not have reached the reader yet.
  process.exitCode = status
})
