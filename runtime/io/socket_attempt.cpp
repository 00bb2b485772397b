// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/socket_attempt.hpp"

#include <array>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace fiber::rt {

long socket_option(int fd, int level, int name) noexcept {
    int value = 0;
    socklen_t size = sizeof value;
    long const result = kernel_call(SYS_getsockopt, fd, level, name, &value, &size);
    return result < 0 ? result : value;
}

[[gnu::noinline, gnu::cold]] bool short_counts_drain(int fd) noexcept {
    if (socket_option(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP ||
        socket_option(fd, SOL_SOCKET, SO_OOBINLINE) != 0)
        return false;
    // Only TCP has this option: other families have protocols with the same number.
    std::array<char, 16> upper_layer{};
    socklen_t size = upper_layer.size();
    return kernel_call(SYS_getsockopt, fd, IPPROTO_TCP, TCP_ULP, upper_layer.data(), &size) >= 0 &&
           upper_layer[0] == 0;
}

void note_attempt(watched_descriptor& file, direction d, readiness seen, long result,
                  std::size_t asked) noexcept {
    if (result < 0 && result != -EAGAIN)
        return;
    file_facts facts(file.facts());
    facts.learn_kind(file_kind::socket);
    bool const is_short = result > 0 && static_cast<std::size_t>(result) < asked;
    if (!is_short || seen.has_ended()) // no event follows for the end of the stream
        return;
    if (facts.count_short())
        facts.learn_short_counts_drain(rt::short_counts_drain(file.fd()));
    if (facts.short_counts_drain())
        file.drained(d, seen);
}

} // namespace fiber::rt
