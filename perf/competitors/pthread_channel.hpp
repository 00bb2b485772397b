// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A channel for pthreads: Go's algorithm on std::mutex and std::condition_variable, as fast as both allow.
//   - A task that must wait queues a record on its own stack, with a separate condition variable. Another
//     task moves the value straight into or out of that record and wakes exactly this one thread.
//   - An unbuffered round trip costs two wake-ups, the fewest possible, and there are no thundering herds.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

namespace perf::competitors {

template <class T>
class pthread_channel { // a handle, as fiber::chan: copies share the channel
public:
    explicit pthread_channel(std::size_t capacity = 0) : state_(std::make_shared<state>(capacity)) {}

    void send(T value) const {
        std::unique_lock lock(state_->mutex);
        if (state_->closed)
            throw std::logic_error("send on a closed channel");
        if (!state_->receivers.empty()) {
            serve(state_->receivers, [&](waiting& receiver) { receiver.value = std::move(value); });
        } else if (state_->values.size() < state_->capacity) {
            state_->values.push_back(std::move(value));
        } else if (waiting self{.value = std::move(value)}; !wait(state_->senders, self, lock)) {
            throw std::logic_error("channel closed while sending");
        }
    }

    std::optional<T> recv() const {
        std::unique_lock lock(state_->mutex);
        if (!state_->values.empty()) {
            std::optional<T> value(std::move(state_->values.front()));
            state_->values.pop_front();
            if (!state_->senders.empty())
                serve(state_->senders,
                      [&](waiting& sender) { state_->values.push_back(std::move(*sender.value)); });
            return value;
        }
        if (!state_->senders.empty()) {
            std::optional<T> value;
            serve(state_->senders, [&](waiting& sender) { value = std::move(sender.value); });
            return value;
        }
        if (state_->closed)
            return std::nullopt;
        waiting self;
        wait(state_->receivers, self, lock);
        return std::move(self.value);
    }

    void close() const {
        std::lock_guard lock(state_->mutex);
        state_->closed = true;
        for (auto* line : {&state_->senders, &state_->receivers}) {
            for (waiting* w : *line) {
                w->outcome = result::closed;
                w->woken.notify_one();
            }
            line->clear();
        }
    }

private:
    enum class result { pending, served, closed };
    struct waiting {
        std::optional<T> value{};
        result outcome = result::pending;
        std::condition_variable woken{};
    };
    using waiting_line = std::deque<waiting*>;
    struct state {
        explicit state(std::size_t n) : capacity(n) {}
        std::size_t const capacity;
        std::mutex mutex; // guards all below
        std::deque<T> values{};
        waiting_line senders{}, receivers{};
        bool closed = false;
    };

    template <class Exchange>
    static void serve(waiting_line& from, Exchange exchange) {
        waiting& w = *from.front();
        from.pop_front();
        exchange(w);
        w.outcome = result::served;
        w.woken.notify_one(); // under the lock: w may be destroyed when its thread sees the outcome
    }

    static bool wait(waiting_line& in, waiting& self, std::unique_lock<std::mutex>& lock) {
        in.push_back(&self);
        self.woken.wait(lock, [&] { return self.outcome != result::pending; });
        return self.outcome == result::served;
    }

    std::shared_ptr<state> state_;
};

} // namespace perf::competitors
