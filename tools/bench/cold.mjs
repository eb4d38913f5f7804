// What a launcher's process does that finds its binary: imports, hits, exits. `cold.mjs OPTIONS` as JSON.

import dev from '../../index.js'

const { outcome } = await dev.getDevBinary(JSON.parse(process.argv[2]))
if (outcome !== 'cached') throw new Error(`a hit was expected and the binary was ${outcome}`)
