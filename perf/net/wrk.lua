-- SPDX-License-Identifier: BSL-1.0
-- Copyright the libfiber authors.

-- What wrk writes at the end: requests, ns, errors; p50, p99, p99.9 in ns.
function done(summary, latency, requests)
   local e = summary.errors
   io.write(string.format("figures %d %d %d %d %d %d\n", summary.requests, summary.duration * 1000,
      e.connect + e.read + e.write + e.status + e.timeout,
      latency:percentile(50) * 1000, latency:percentile(99) * 1000, latency:percentile(99.9) * 1000))
end
