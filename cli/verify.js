'use strict'

// `dev-bin verify`: looks for binaries that are damaged or stale.

const { list, verify } = require('..')
const { REQUEST, UsageError } = require('./arguments.js')
const { write } = require('./output.js')
const { reportOf, requestOf } = require('./request.js')
const { count, visible } = require('./text.js')

const OK = 0
const FAILED = 1

async function verifyEntries({ values }) {
  if (values.crate === undefined) {
    const misplaced = Object.keys(values).find((name) => REQUEST.includes(name))
    if (misplaced !== undefined)
      throw new UsageError(`\`--${misplaced}\` is an option of a crate, and \`-p CRATE\` is missing`)
    return verifyDigests(values)
  }
  const verification = await verify({ ...requestOf(values, 'verify'), report: reportOf(values) })
  const { verdict, binary, fresh, signers } = verification
  if (values.json) {
    await write(JSON.stringify(verification, undefined, 2))
  } else {
    const meaning = {
      equal: 'a fresh build gives the same bytes',
      'not-reproducible': 'two fresh builds differ from each other, so the difference means nothing',
      stale: 'two fresh builds agree, and this one differs; `dev-bin get --rebuild` replaces it',
    }[verdict]
    await write(
      [
        `${verdict}: ${meaning}`,
        `  cached  ${binary.sha256}  ${visible(binary.path)}`,
        ...signers.map((signer) => `  signed  by ${visible(signer)}, in the team's store`),
        ...fresh.map((digest) => `  fresh   ${digest}`),
      ].join('\n'),
    )
  }
  return verdict === 'stale' ? FAILED : OK
}

async function verifyDigests(values) {
  const entries = await list({ cacheDir: values['cache-dir'], check: true })
  const damaged = entries.filter((entry) => entry.damage !== undefined)
  if (values.json) {
    await write(JSON.stringify(entries, undefined, 2))
  } else {
    const lines = damaged.map((entry) => `damaged: ${visible(entry.damage)}`)
    const sound = entries.length - damaged.length
    await write([...lines, `${count(sound, 'binary', 'binaries')} of ${entries.length} as published`].join('\n'))
    if (damaged.length > 0) process.stderr.write('The next call for a damaged binary builds it again.\n')
  }
  return damaged.length === 0 ? OK : FAILED
}

module.exports = { verifyEntries }
