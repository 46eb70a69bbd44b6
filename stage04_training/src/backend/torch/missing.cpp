// Five functions of libtorch that the crate tch does not expose.
//
// Each returns a null pointer or an error message: no C++ exception may cross into Rust. The
// message stays valid until the same thread calls again. A tensor is a pointer to an at::Tensor,
// as in tch.

#include <string>
#include <vector>

#include <ATen/Context.h>
#include <ATen/ops/_fused_adamw.h>
#include <c10/core/CachingDeviceAllocator.h>

namespace {

template <class Work>
const char* guarded(Work work) {
  thread_local std::string message;
  try {
    work();
    return nullptr;
  } catch (const c10::Error& error) {
    message = error.what_without_backtrace();
  } catch (const std::exception& error) {
    message = error.what();
  } catch (...) {
    message = "an unknown error";
  }
  return message.c_str();
}

std::vector<at::Tensor> list(at::Tensor* const* tensors, size_t n) {
  std::vector<at::Tensor> list;
  list.reserve(n);
  for (size_t i = 0; i < n; i++) list.push_back(*tensors[i]);
  return list;
}

}  // namespace

extern "C" {

// One step of AdamW for n tensors in one kernel, which reads every weight once. The gradients
// are divided by `divisor` first. `step`: the number of the step, from 1.
const char* missing_fused_adamw(size_t n, at::Tensor* const* weights, at::Tensor* const* gradients,
                                at::Tensor* const* m, at::Tensor* const* v, at::Tensor* step,
                                double lr, double beta1, double beta2, double weight_decay,
                                double eps, at::Tensor* divisor) {
  return guarded([&] {
    std::vector<at::Tensor> steps(n, *step);
    at::_fused_adamw_(list(weights, n), list(gradients, n), list(m, n), list(v, n), {}, steps, lr,
                      beta1, beta2, weight_decay, eps, /*amsgrad=*/false, /*maximize=*/false,
                      *divisor);
  });
}

// Whether matrix products of f32 may round their factors to TF32.
const char* missing_allow_tf32(bool allow) {
  return guarded([&] { at::globalContext().setAllowTF32CuBLAS(allow); });
}

// Peak bytes of tensors on a GPU since the last reset.
const char* missing_peak_memory(int device, uint64_t* bytes) {
  return guarded([&] {
    const auto stats = at::getDeviceAllocator(at::kCUDA)->getDeviceStats(device);
    const auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    *bytes = stats.allocated_bytes[all].peak;
  });
}

// Resets the peak to the present use.
const char* missing_reset_peak_memory(int device) {
  return guarded([&] { at::getDeviceAllocator(at::kCUDA)->resetPeakStats(device); });
}

// The free and the total memory of a GPU, in bytes.
const char* missing_memory(int device, uint64_t* free, uint64_t* total) {
  return guarded([&] {
    std::tie(*free, *total) = at::getDeviceAllocator(at::kCUDA)->getMemoryInfo(device);
  });
}

}  // extern "C"
