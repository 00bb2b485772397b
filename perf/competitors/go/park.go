// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does it cost to have very many goroutines wait at once: to start them until all are parked, and
// to wake them
// until all have ended?
package main

import (
	"sync"
	"time"
)

func parkAndWake(n int) (parking, waking time.Duration) {
	gate := make(chan bool)
	var here, ended sync.WaitGroup
	here.Add(n)
	ended.Add(n)
	start := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			here.Done()
			<-gate
			ended.Done()
		}()
	}
	here.Wait()
	parking = time.Since(start)
	time.Sleep(200 * time.Millisecond) // until the last ones have gone from "here" to parked
	start = time.Now()
	close(gate)
	ended.Wait()
	return parking, time.Since(start)
}
