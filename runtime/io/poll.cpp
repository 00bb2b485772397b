// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// poll.cpp: poll, ppoll, wait_readable, wait_writable. The kernel decides what is ready, by poll(2) without a
// wait. The netpoller says when to ask again.

#include "runtime/io/call_wait.hpp"
#include "runtime/io/kernel_call.hpp"
#include "runtime/io/timespec.hpp"

#include <fiber/detail/deadline.hpp>
#include <fiber/io.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <memory>
#include <new>
#include <optional>
#include <poll.h>
#include <span>
#include <system_error>

namespace fiber::rt {
namespace {

constexpr short readable = POLLIN | POLLRDNORM;
constexpr short writable = POLLOUT | POLLWRNORM;

long ask(std::span<pollfd> files, timespec* timeout, sigset_t const* mask = nullptr) noexcept {
    constexpr std::size_t mask_size = 8;
    return kernel_call(SYS_ppoll, files.data(), files.size(), timeout, mask, mask_size);
}
long ask_now(std::span<pollfd> files) noexcept {
    timespec zero{};
    return repeat([&] { return ask(files, &zero); });
}

// Waits in ppoll(2).
long poll_in_thread(std::span<pollfd> files, clock::time_point deadline) noexcept {
    return repeat([&] {
        timespec left{};
        if (deadline != never)
            left = time_left(deadline);
        return ask(files, deadline != never ? &left : nullptr);
    });
}

// Returns true if the netpoller has an event for each thing that the entry asks for. It has none for urgent
// data and for the end of a stream alone: while such a file has data, it stays ready in the netpoller's eyes.
bool has_edges(pollfd const& file) noexcept {
    if (file.fd < 0)
        return true;
    bool const asks_for_more = (file.events & ~(readable | writable)) != 0;
    return (file.events & readable) != 0 || (!asks_for_more && (file.events & writable) != 0);
}

// A few elements on the stack, or many elsewhere.
template <class T>
class scratch {
public:
    // Returns false if there is no memory.
    [[nodiscard]] bool reserve(std::size_t n) noexcept {
        if (n > few_.size()) {
            many_.reset(new (std::nothrow) T[n]);
            first_ = many_.get();
        }
        return first_ != nullptr;
    }
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return first_[i]; }
    [[nodiscard]] std::span<T const> first(std::size_t n) const noexcept { return {first_, n}; }

private:
    std::array<T, 8> few_;
    std::unique_ptr<T[]> many_;
    T* first_ = few_.data();
};

long poll_in_fiber(std::span<pollfd> files, clock::time_point deadline) noexcept {
    if (!std::all_of(files.begin(), files.end(), has_edges)) {
        long const n = ask_now(files);
        return n != 0 ? n : blocking([&] { return poll_in_thread(files, deadline); });
    }
    scratch<poll_request> requests;
    scratch<std::optional<readiness>> seen;
    if (!requests.reserve(2 * files.size()) || !seen.reserve(2 * files.size()))
        return -ENOMEM;
    for (;;) {
        std::size_t count = 0;
        auto const add = [&](int fd, direction d) {
            requests[count] = {fd, d};
            seen[count] = watched_descriptor(fd, file_owner::program).ready(d);
            ++count;
        };
        for (pollfd const& f : files) {
            if (f.fd >= 0 && (f.events & readable) != 0)
                add(f.fd, direction::read);
            if (f.fd >= 0 && (f.events & writable) != 0)
                add(f.fd, direction::write);
        }
        if (long const n = ask_now(files); n != 0)
            return n;
        for (std::size_t i = 0; i < count; ++i)
            watched_descriptor(requests[i].fd, file_owner::program).drained(requests[i].what, *seen[i]);
        switch (wait_for_any(requests.first(count), deadline)) {
        case poll_end::timed_out:
            return ask_now(files);
        case poll_end::failed:
            return blocking([&] { return poll_in_thread(files, deadline); });
        case poll_end::ready:
        case poll_end::look:
        case poll_end::not_pollable:
            break;
        }
    }
}

long ppoll_in_fiber(std::span<pollfd> files, timespec const* timeout, sigset_t const* mask) noexcept {
    if ((timeout != nullptr && !is_valid(*timeout)) || mask != nullptr) {
        timespec copy = timeout != nullptr ? *timeout : timespec{}; // the kernel changes it
        return blocking([&] { return ask(files, timeout != nullptr ? &copy : nullptr, mask); });
    }
    if (timeout == nullptr)
        return poll_in_fiber(files, never);
    if (timeout->tv_sec == 0 && timeout->tv_nsec == 0)
        return ask_now(files);
    return poll_in_fiber(files, ::fiber::detail::deadline_after(length_of(*timeout)));
}

long poll_in_fiber(std::span<pollfd> files, int timeout) noexcept {
    if (timeout == 0)
        return ask_now(files);
    return rt::poll_in_fiber(
        files, timeout < 0 ? never : ::fiber::detail::deadline_after(std::chrono::milliseconds(timeout)));
}

// Returns true if the file is ready, false at the deadline.
bool wait_until_ready(int fd, direction d, clock::time_point deadline) {
    pollfd file{fd, d == direction::read ? short{POLLIN} : short{POLLOUT}, 0};
    // poll(2) ignores negative numbers.
    if (fd < 0)
        file.revents = POLLNVAL;
    else if (long const n =
                 in_fiber() ? poll_in_fiber({&file, 1}, deadline) : poll_in_thread({&file, 1}, deadline);
             n <= 0) {
        if (n < 0)
            throw std::system_error(static_cast<int>(-n), std::generic_category(),
                                    "fiber: wait for a descriptor");
        return false;
    }
    if ((file.revents & POLLNVAL) != 0)
        throw std::system_error(EBADF, std::generic_category(), "fiber: wait for a descriptor");
    return true;
}

} // namespace
} // namespace fiber::rt

namespace fiber::io {

int poll(pollfd* files, nfds_t count, int timeout) {
    if (!rt::in_fiber())
        return ::poll(files, count, timeout);
    return static_cast<int>(rt::posix_result(rt::poll_in_fiber({files, count}, timeout)));
}

int ppoll(pollfd* files, nfds_t count, timespec const* timeout, sigset_t const* mask) {
    if (!rt::in_fiber())
        return ::ppoll(files, count, timeout, mask);
    return static_cast<int>(rt::posix_result(rt::ppoll_in_fiber({files, count}, timeout, mask)));
}

bool wait_readable(int fd, time_point deadline) {
    return rt::wait_until_ready(fd, rt::direction::read, deadline);
}
bool wait_writable(int fd, time_point deadline) {
    return rt::wait_until_ready(fd, rt::direction::write, deadline);
}

} // namespace fiber::io
