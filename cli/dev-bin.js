#!/usr/bin/env node
'use strict'

const { main } = require('./main.js')

main(process.argv.slice(2)).then((status) => {
  // Not `process.exit`, which would not wait until the reader has got all output.
  process.exitCode = status
})
