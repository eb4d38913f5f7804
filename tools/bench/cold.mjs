// `cold.mjs OPTIONS`, with the options as JSON: does what the process of a launcher does on a hit. Imports, hits and
// exits.

import dev from '../../index.js'

const { outcome } = await dev.getDevBinary(JSON.parse(process.argv[2]))
if (outcome !== 'cached') throw new Error(`a hit was expected and the binary was ${outcome}`)
