// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// open_socket.hpp: a socket that no handle owns yet.
#pragma once

#include "runtime/net/socket_calls.hpp"
#include "runtime/net/socket_record.hpp"

#include <memory>
#include <utility>

namespace fiber::rt {

// Closes the socket unless a record takes it over.
class open_socket {
public:
    explicit open_socket(int fd) noexcept : fd_(fd) {}
    ~open_socket() {
        if (fd_ >= 0)
            rt::close_socket(fd_);
    }
    open_socket(open_socket const&) = delete;
    open_socket& operator=(open_socket const&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    // The caller gets the handle's reference. Throws std::bad_alloc.
    [[nodiscard]] socket_record* into_record(short_count meaning) {
        auto* const record = new socket_record(fd_, meaning);
        fd_ = -1;
        return record;
    }

private:
    int fd_;
};

// The handle's reference to a record, for a socket that the library still works on.
struct close_record {
    void operator()(socket_record* record) const noexcept {
        record->close();
        record->drop_handle();
    }
};
using unique_record = std::unique_ptr<socket_record, close_record>;

} // namespace fiber::rt
