'use strict'

// `dev-bin inputs`: lists the inputs of a binary.

const { inputs } = require('..')
const { write } = require('./output.js')
const { requestOf } = require('./request.js')
const { table, visible } = require('./text.js')

const OK = 0

async function listInputs({ values }) {
  const known = await inputs(requestOf(values, 'inputs'))
  if (values.json) {
    await write(JSON.stringify(known, undefined, 2))
    return OK
  }
  const rows = known.inputs.map(({ kind, name, readBy }) => [kind, visible(name) || 'the checkout', readBy.join(', ')])
  const opaque = known.opaque.map(({ run, reason }) => `${run} may have read more: ${visible(reason)}`)
  await write([table([['KIND', 'NAME', 'READ BY'], ...rows]), ...opaque].join('\n'))
  if (!known.isCurrent) process.stderr.write('Something has changed since then; `dev-bin why` says what.\n')
  return OK
}

module.exports = { listInputs }
