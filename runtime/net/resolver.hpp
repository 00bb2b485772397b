// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// resolver.hpp: runs look-ups in fibers of the global runtime, shares equal ones, and limits their number.
//
// A look-up's states:
//
//   resolve ──▶ queued ──────▶ running ──────▶ done
//      │          │ next_run ▲    ▲ complete
//      │          ▼          │    │
//      │        dropped: its last caller's deadline has passed
//      └──── fewer than max_running run ─┘
//
//   state     is in                 is owned by
//   queued    its bucket, the queue the callers that wait for it
//   running   its bucket            them, and the fiber that runs it
//   done      neither               the callers that have not copied its result yet
//
// A caller that reaches its deadline leaves. Nothing can end a running call of getaddrinfo, so its fiber
// stays. The fiber belongs to the global runtime: no destructor of a runtime waits for it.
#pragma once

#include "runtime/base/lock/spinlock.hpp"
#include "runtime/base/platform/clock.hpp"
#include "runtime/net/lookup_limits.hpp"

#include <fiber/net/endpoint.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace fiber::rt {

struct lookup_result {
    std::error_code error; // if set, there are no addresses
    std::vector<net::endpoint> addresses;
};

// [fork] In the child, the first operation forgets the look-ups of the parent. Their memory is not freed.
class resolver {
public:
    // Runs one look-up, and may block. May throw std::bad_alloc and std::system_error.
    using lookup_function = lookup_result (*)(std::string const& host, std::string const& service);

    static constexpr unsigned max_running = max_running_lookups;

    constexpr explicit resolver(lookup_function look_up) noexcept : look_up_(look_up) {}
    resolver(resolver const&) = delete;
    resolver& operator=(resolver const&) = delete;

    // Returns what the function returns for these arguments, from an equal look-up under way if there is
    // one. Fails with timed_out at the deadline. Parks the calling fiber, or blocks the calling OS thread.
    [[nodiscard]] lookup_result resolve(std::string_view host, std::string_view service,
                                        clock::time_point deadline);

private:
    class lookup;
    class use;

    void lock() noexcept;
    void unlock() noexcept;
    [[nodiscard]] lookup*& bucket_of(lookup const&) noexcept;
    void take_out_of_bucket(lookup&) noexcept;
    void push_queued(lookup&) noexcept;
    void take_out_of_queue(lookup&) noexcept;

    [[nodiscard]] lookup& join_or_add(std::string_view host, std::string_view service);
    void leave(lookup&) noexcept;
    [[nodiscard]] bool wait_until_done(lookup&, clock::time_point deadline) noexcept;
    void start(lookup&) noexcept;
    void run(lookup&) noexcept;
    [[nodiscard]] lookup* complete(lookup&) noexcept;

    static constexpr std::size_t buckets = 64;

    lookup_function const look_up_;
    std::atomic<std::uint32_t> lock_{0};    // guards what follows, and what lookup says
    std::array<lookup*, buckets> bucket_{}; // queued and running look-ups, by their hash
    lookup* first_queued_ = nullptr;
    lookup* last_queued_ = nullptr;
    unsigned running_ = 0;
};

} // namespace fiber::rt
