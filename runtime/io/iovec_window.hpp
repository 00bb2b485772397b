// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// iovec_window.hpp: what is left of a list of buffers after a part has been transferred.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <span>
#include <sys/uio.h>

namespace fiber::rt {

[[nodiscard]] inline std::size_t size_of(std::span<iovec const> buffers) noexcept {
    std::size_t sum = 0;
    for (iovec const& b : buffers)
        sum += b.iov_len;
    return sum;
}

// Shows the buffers without their first `skip` bytes, and at most `limit` bytes. Without both it is the list
// itself. Otherwise it shows the next few buffers.
class iovec_window {
public:
    static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

    iovec_window(std::span<iovec const> all, std::size_t skip, std::size_t limit = no_limit) noexcept
        : shown_(all) {
        if (skip == 0 && limit == no_limit)
            return;
        std::size_t count = 0;
        for (iovec const& b : all) {
            auto const skipped = std::min(skip, b.iov_len);
            skip -= skipped;
            auto const length = std::min(b.iov_len - skipped, limit);
            if (length == 0)
                continue;
            limit -= length;
            few_[count++] = {static_cast<std::byte*>(b.iov_base) + skipped, length};
            if (count == few_.size())
                break;
        }
        shown_ = {few_.data(), count};
    }
    iovec_window(iovec_window const&) = delete;
    iovec_window& operator=(iovec_window const&) = delete;

    [[nodiscard]] iovec const* data() const noexcept { return shown_.data(); }
    [[nodiscard]] long count() const noexcept { return static_cast<long>(shown_.size()); }
    [[nodiscard]] std::span<iovec const> buffers() const noexcept { return shown_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return rt::size_of(shown_); }

private:
    std::array<iovec, 8> few_;
    std::span<iovec const> shown_;
};

} // namespace fiber::rt
