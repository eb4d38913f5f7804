// `cold.cjs OPTIONS`, with the options as JSON: does what the process of a launcher does on a hit. Loads the package, hits
// and exits.

const { getDevBinary } = require('../../index.js')

getDevBinary(JSON.parse(process.argv[2])).then(({ outcome, bin }) => {
  if (outcome !== 'cached') throw new Error(`${bin}: a hit was expected and the binary was ${outcome}`)
})
