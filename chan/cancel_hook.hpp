// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cancel_hook.hpp: a hook of a context, called when the context and all contexts below it are cancelled.
//   invariant  a hook is in at most one list: the list of a context, guarded by the context's lock, or the
//              list of an agent that cancels
//   callers    the holder of the lock that guards the list; call() and drop() are called without any lock
#pragma once

namespace fiber::detail {

class hook_list;

class cancel_hook {
public:
    cancel_hook() noexcept = default;
    cancel_hook(cancel_hook const&) = delete;
    cancel_hook& operator=(cancel_hook const&) = delete;

    // Exactly one of the two is called, after the hook has left its list. It may run user code, and *this may
    // be destroyed by it.
    virtual void call() noexcept = 0;
    virtual void drop() noexcept = 0; // called if the context can never be cancelled any more

protected:
    ~cancel_hook() = default;

private:
    friend class hook_list;
    cancel_hook* next_ = nullptr;
    cancel_hook* prev_ = nullptr;
};

class hook_list {
public:
    hook_list() noexcept = default;
    hook_list(hook_list&& other) noexcept { append(other); }
    hook_list& operator=(hook_list&&) = delete;

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

    void push_back(cancel_hook& h) noexcept {
        h.next_ = nullptr;
        h.prev_ = last_;
        (last_ != nullptr ? last_->next_ : first_) = &h;
        last_ = &h;
    }
    void remove(cancel_hook& h) noexcept {
        (h.prev_ != nullptr ? h.prev_->next_ : first_) = h.next_;
        (h.next_ != nullptr ? h.next_->prev_ : last_) = h.prev_;
    }
    // Moves all hooks of `others` to the end of this list, in constant time.
    void append(hook_list& others) noexcept {
        if (others.empty())
            return;
        others.first_->prev_ = last_;
        (last_ != nullptr ? last_->next_ : first_) = others.first_;
        last_ = others.last_;
        others.first_ = others.last_ = nullptr;
    }
    [[nodiscard]] cancel_hook* pop_front() noexcept {
        cancel_hook* const h = first_;
        if (h != nullptr)
            remove(*h);
        return h;
    }

    void call_all() noexcept {
        while (cancel_hook* const h = pop_front())
            h->call();
    }
    void drop_all() noexcept {
        while (cancel_hook* const h = pop_front())
            h->drop();
    }

private:
    cancel_hook* first_ = nullptr;
    cancel_hook* last_ = nullptr;
};

} // namespace fiber::detail
