// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/watched_descriptor.hpp"

#include "runtime/io/netpoller.hpp"
#include "runtime/io/netpollers.hpp"
#include "runtime/io/system_call.hpp"
#include "runtime/io/timespec.hpp"
#include "runtime/park.hpp"

#include <fiber/go.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <memory>
#include <new>
#include <poll.h>

namespace fiber::rt {
namespace {

constexpr auto time_between_looks = std::chrono::milliseconds(20); // close() waits for this time

constinit poll_slot never_drained; // of descriptors without a netpoller

short poll_events(direction d) noexcept {
    return d == direction::read ? POLLIN | POLLPRI | POLLRDHUP : POLLOUT;
}

// Waits in ppoll(2). Another machine gets the processor.
poll_end wait_in_poll(std::span<pollfd> files, clock::time_point deadline) noexcept {
    return blocking([&] {
        for (;;) {
            timespec timeout{};
            if (deadline != never)
                timeout = time_left(deadline);
            long const n = system_call(SYS_ppoll, files.data(), files.size(),
                                       deadline == never ? nullptr : &timeout, nullptr, std::size_t{8});
            if (n > 0)
                return poll_end::ready;
            if (n == 0)
                return poll_end::timed_out;
            if (errno != EINTR)
                return poll_end::failed;
        }
    });
}

} // namespace

watched_descriptor::watched_descriptor(int fd, file_owner owner) noexcept
    : fd_(fd), owner_(owner), poller_(netpoller_of_caller()),
      slot_(poller_ != nullptr ? poller_->slot(fd) : nullptr) {
    if (slot_ == nullptr) {
        poller_ = nullptr;
        slot_ = &never_drained;
    }
}

poll_end watched_descriptor::wait(direction d, clock::time_point deadline, wait_ends ends) noexcept {
    if (poller_ != nullptr) {
        descriptor_waiter w(self().open_wait(), fd_, *slot_, d);
        return poller_->wait_for({&w, 1}, deadline, owner_, ends);
    }
    pollfd file{fd_, poll_events(d), 0};
    // wake_waiters() does not end poll(2). Therefore the library gets to look for news in between.
    bool const is_ours = owner_ == file_owner::library;
    auto const look = is_ours || ends == wait_ends::to_look
                          ? std::min(deadline, clock::now() + time_between_looks)
                          : deadline;
    auto const end = wait_in_poll({&file, 1}, look);
    if ((file.revents & POLLNVAL) != 0) {
        errno = EBADF;
        return poll_end::failed;
    }
    if (end != poll_end::timed_out || look == deadline)
        return end;
    return is_ours ? poll_end::ready : poll_end::look;
}

void adopt_descriptor(int fd) noexcept {
    for_each_netpoller([fd](netpoller& n, wait_queue& woken) { n.adopt(fd, woken); });
}

void wake_waiters(int fd, direction d) noexcept {
    for_each_netpoller([=](netpoller& n, wait_queue& woken) { n.wake(fd, d, woken); });
}

void release_descriptor(int fd) noexcept {
    for_each_netpoller([fd](netpoller& n, wait_queue& woken) { n.release(fd, woken); });
}

void end_waits_for(int fd) noexcept {
    for_each_netpoller([fd](netpoller& n, wait_queue& woken) { n.end_waits(fd, woken); });
}

namespace {

// The waiters of one wait. A few stand on the stack of the agent.
class waiter_array {
public:
    waiter_array() = default;
    waiter_array(waiter_array const&) = delete;
    waiter_array& operator=(waiter_array const&) = delete;
    ~waiter_array() {
        std::destroy_n(first_, size_);
        if (first_ != few())
            ::operator delete(first_);
    }
    // Makes room for n waiters. Returns false if there is no memory. Called once.
    [[nodiscard]] bool reserve(std::size_t n) noexcept {
        void* const room =
            n <= most_here ? here_ : ::operator new(n * sizeof(descriptor_waiter), std::nothrow);
        first_ = static_cast<descriptor_waiter*>(room);
        return room != nullptr;
    }
    void add(ticket key, poll_request const& r, poll_slot& in) noexcept {
        std::construct_at(first_ + size_, key, r.fd, in, r.what);
        ++size_;
    }
    [[nodiscard]] std::span<descriptor_waiter> all() noexcept { return {first_, size_}; }

private:
    static constexpr std::size_t most_here = 4;
    [[nodiscard]] descriptor_waiter* few() noexcept { return reinterpret_cast<descriptor_waiter*>(here_); }

    alignas(descriptor_waiter) std::byte here_[most_here * sizeof(descriptor_waiter)];
    descriptor_waiter* first_ = few();
    std::size_t size_ = 0;
};

poll_end wait_for_any_without_poller(std::span<poll_request const> requests,
                                     clock::time_point deadline) noexcept {
    std::unique_ptr<pollfd[]> const files(new (std::nothrow) pollfd[requests.size()]);
    if (files == nullptr) {
        errno = ENOMEM;
        return poll_end::failed;
    }
    std::transform(requests.begin(), requests.end(), files.get(), [](poll_request const& r) {
        return pollfd{r.fd, poll_events(r.what), 0};
    });
    return wait_in_poll({files.get(), requests.size()}, deadline);
}

} // namespace

poll_end wait_for_any(std::span<poll_request const> requests, clock::time_point deadline) noexcept {
    netpoller* const poller = netpoller_of_caller();
    if (poller == nullptr)
        return wait_for_any_without_poller(requests, deadline);
    waiter_array waiters;
    if (!waiters.reserve(requests.size())) {
        errno = ENOMEM;
        return poll_end::failed;
    }
    ticket const key = self().open_wait();
    for (poll_request const& r : requests) {
        if (r.fd < 0)
            continue;
        poll_slot* const in = poller->slot(r.fd);
        if (in == nullptr) {
            errno = ENOMEM;
            return poll_end::failed;
        }
        waiters.add(key, r, *in);
    }
    if (waiters.all().empty()) {
        static_cast<void>(park_until(key, deadline, wait_reason::io, nullptr, [] {}));
        return poll_end::timed_out;
    }
    auto const end = poller->wait_for(waiters.all(), deadline, file_owner::program, wait_ends::if_ready);
    bool const one_is_odd = end == poll_end::not_pollable || (end == poll_end::failed && errno == EBADF);
    return one_is_odd ? poll_end::ready : end;
}

} // namespace fiber::rt
