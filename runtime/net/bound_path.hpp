// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// bound_path.hpp: the file that a listener on a unix socket has made.
#pragma once

#include "runtime/base/process/process_stamp.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace fiber::rt {

class bound_path {
public:
    // The path of a socket that has just been bound.
    explicit bound_path(std::string_view);
    // Unlinks the path if it still names the same file, and if this process has made it: a child of fork()
    // leaves the path to its parent.
    void unlink() const noexcept;

private:
    struct identity {
        std::uint64_t device = 0, inode = 0; // 0, 0: unknown
        friend bool operator==(identity const&, identity const&) = default;
    };
    [[nodiscard]] identity look() const noexcept;

    std::string path_;
    process_stamp stamp_;
    identity made_;
};

} // namespace fiber::rt
