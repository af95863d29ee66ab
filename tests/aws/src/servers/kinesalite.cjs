// Kinesis on a free port of loopback. It ends with its standard input, so it cannot outlive who started it.
// Kinesalite throws where a client breaks a connection off in the middle of a request; here that must cost nothing.
process.on('uncaughtException', (error) => {
  if (error.code !== 'ECONNRESET' && error.message !== 'aborted') {
    console.error(error)
    process.exit(1)
  }
})
const options = { createStreamMs: 5, deleteStreamMs: 5, updateStreamMs: 5, shardLimit: 100 }
const server = require('kinesalite')(options)
server.keepAliveTimeout = 60000
server.listen(0, '127.0.0.1', () => console.log('listening ' + server.address().port))
process.stdin.on('end', () => process.exit(0)).resume()
