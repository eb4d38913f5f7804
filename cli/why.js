'use strict'

// `dev-bin why`: says if a binary would be built, and why.

const { explain } = require('..')
const { write } = require('./output.js')
const { boundLines, limitLines, reasonLines } = require('./reasons.js')
const { requestOf } = require('./request.js')
const { visible } = require('./text.js')

const OK = 0
const MISS = 3

async function why({ values }) {
  const explanation = await explain(requestOf(values, 'why'))
  if (values.json) {
    await write(JSON.stringify(explanation, undefined, 2))
  } else {
    const isHit = explanation.outcome === 'hit'
    const outcome = isHit ? `hit: ${visible(explanation.path)}` : `miss: ${explanation.bin} would be built`
    const reasons = explanation.reasons.flatMap((reason) => reasonLines(reason, explanation.readBy))
    const git = explanation.inWorktree ? [] : ['without git: every file counts that no `.gitignore` names']
    // The reason `bound` names the bonds already.
    const hasBonds = explanation.reasons.some(({ kind }) => kind === 'bound')
    const bonds = hasBonds ? [] : boundLines(explanation.boundBy)
    const lines = [outcome, ...reasons, ...git, ...bonds, ...limitLines(explanation.notPortable)]
    await write(lines.join('\n'))
  }
  return explanation.outcome === 'hit' ? OK : MISS
}

module.exports = { why }
