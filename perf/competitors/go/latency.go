// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How late are timers, and goroutines that another one has woken, while others compute? For ../../standalone/latency.cpp.
package main

import (
	"fmt"
	"sort"
	"sync/atomic"
	"time"
)

const period = time.Millisecond // of the timer

func spread(all []time.Duration) {
	verify(len(all) > 0, "there are samples")
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	at := func(percent int) int64 {
		i := len(all) * percent / 100
		if i >= len(all) {
			i = len(all) - 1
		}
		return all[i].Nanoseconds()
	}
	fmt.Println(at(50), at(99), all[len(all)-1].Nanoseconds())
}

func latencyBeside(computing int, long time.Duration) {
	var enough atomic.Bool
	var timers, wakes []time.Duration
	woken, ended := make(chan time.Time, 1), make(chan bool)
	for i := 0; i < computing; i++ {
		go func() {
			for !enough.Load() {
			}
		}()
	}
	go func() {
		for since := range woken {
			wakes = append(wakes, time.Since(since))
		}
		ended <- true
	}()
	for end := time.Now().Add(long); time.Now().Before(end); {
		due := time.Now().Add(period)
		time.Sleep(period)
		now := time.Now()
		timers = append(timers, now.Sub(due))
		woken <- now
	}
	close(woken)
	enough.Store(true)
	<-ended
	spread(timers)
	spread(wakes)
}
