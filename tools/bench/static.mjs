// Serves the files of a directory over HTTP on loopback, as a store that is only read: `node static.mjs DIR`. Writes its port
// to stdout, and ends with its standard input.

import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

const [, , directory] = process.argv

function sizeOf(path) {
  const found = statSync(path, { throwIfNoEntry: false })
  return found?.isFile() ? found.size : undefined
}

const server = createServer((request, response) => {
  const path = join(directory, new URL(request.url, 'http://localhost').pathname)
  const size = sizeOf(path)
  response.writeHead(size === undefined ? 404 : 200, { 'content-length': size ?? 0 })
  if (size === undefined || request.method === 'HEAD') response.end()
  else createReadStream(path, { highWaterMark: 1 << 20 }).pipe(response)
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit()).resume()
