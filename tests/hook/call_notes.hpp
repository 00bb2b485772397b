// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// call_notes.hpp: random arguments of calls, and notes of their results.
#pragma once

#include "tests/hook/mixed_files.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/last_error.hpp"

#include <fiber/go.hpp>

#include <array>
#include <functional>
#include <string>
#include <thread>

namespace tests {

// Runs beside its maker: a fiber beside a fiber, an OS thread beside a thread.
class helper {
public:
    explicit helper(std::function<void()> const& body) {
        if (fiber::running_in_fiber())
            fiber_ = fiber::go(body);
        else
            thread_ = std::thread(body);
    }
    ~helper() {
        if (thread_.joinable())
            thread_.join();
        else
            fiber_.join();
    }
    helper(helper const&) = delete;
    helper& operator=(helper const&) = delete;

private:
    fiber::handle fiber_;
    std::thread thread_;
};

class call_notes {
public:
    [[nodiscard]] std::string const& transcript() const { return transcript_; }

protected:
    static constexpr std::size_t room = 300; // of a buffer

    explicit call_notes(std::uint64_t number) : random_(number) {}

    // Makes the call, and notes what has come of it.
    template <class Call>
    auto note(char const* name, mixed_file const& f, Call const& call) {
        auto const result = call();
        int const error = result < 0 ? last_error() : 0;
        transcript_.append(name).append(" ").append(f.kind).append(": ").append(std::to_string(result));
        transcript_.append(", errno ").append(std::to_string(error)).append("\n");
        return result;
    }
    void note_bytes(char const* from, std::size_t n) {
        for (std::size_t i = 0; i < n; ++i)
            transcript_.append(std::to_string(from[i])).append(i + 1 < n ? " " : "\n");
    }
    void note_arguments(mixed_file const& f, int fd, void const* buffer, std::size_t n, int flags) {
        transcript_.append(f.is_nonblocking ? "O_NONBLOCK, " : "")
            .append(f.has_timeout ? "SO_RCVTIMEO, " : "");
        transcript_.append(fd < 0 ? "bad descriptor, " : "").append(buffer == nullptr ? "no buffer, " : "");
        transcript_.append(std::to_string(n))
            .append(" bytes, flags ")
            .append(std::to_string(flags))
            .append("\n");
    }
    bool rarely() { return random_.below(16) == 0; }
    std::size_t some_size() { return std::array<std::size_t, 5>{0, 1, 8, 64, room}[random_.below(5)]; }

    // Eventfds add what is written: the sum must not be too large.
    std::array<char, room> some_bytes(mixed_file const& f) {
        std::array<char, room> bytes{};
        bool const is_number = f.is("eventfd") || f.is("epoll");
        for (std::size_t i = 0; i < (is_number ? 1 : bytes.size()); ++i)
            bytes[i] = static_cast<char>(1 + random_.below(100));
        return bytes;
    }

    chaos random_;
    std::string transcript_;
};

} // namespace tests
