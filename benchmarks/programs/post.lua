-- What wrk posts: signed events of a file, one a line, of which each thread takes its own.
local threads, errors = 0, {}

function setup(thread)
  thread:set("mine", threads)
  threads = threads + 1
end

function init(arguments)
  local first, count, all = tonumber(arguments[2]), tonumber(arguments[3]), tonumber(arguments[4])
  requests, asked = {}, 0
  local number = 0
  for line in io.lines(arguments[1]) do
    number = number + 1
    if number > first and number <= first + count and number % all == mine then
      local signature, body = line:match("^(%x+)\t(.*)$")
      local headers = {["Content-Type"] = "application/json", ["X-Spark-Signature"] = signature}
      requests[#requests + 1] = wrk.format("POST", "/webhooks/webex", headers, body)
    end
  end
end

function request()
  asked = asked + 1
  return requests[(asked - 1) % #requests + 1]
end

function done(summary, latency)
  local wrong = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout))
end
