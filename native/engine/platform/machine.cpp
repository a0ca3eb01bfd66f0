#include "platform/machine.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#if defined(__linux__)
#include <sched.h>
#elif defined(__APPLE__)
#include <mach/mach.h>
#include <sys/sysctl.h>
#elif defined(_WIN32)
#define NOMINMAX
#include <windows.h>

#include <vector>
#endif

namespace caduceus {
namespace {

#if defined(__linux__)
// "max" and missing files give nothing.
bool read_number(const char* path, uint64_t& value) {
  std::ifstream file(path);
  return static_cast<bool>(file >> value);
}

uint32_t cgroup_cores() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  if (!(file >> quota >> period) || period <= 0) return UINT32_MAX;
  return std::max(1u, static_cast<uint32_t>(quota / period + 0.5));
}
#elif defined(_WIN32)
// Those of the fastest kind that this process may use: efficiency cores hold the others back at every barrier. 0 where
// the system does not tell.
uint32_t fastest_cores() {
  DWORD size = 0;
  GetLogicalProcessorInformationEx(RelationProcessorCore, nullptr, &size);
  std::vector<char> records(size);
  using Record = SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX;
  if (!GetLogicalProcessorInformationEx(RelationProcessorCore, reinterpret_cast<Record*>(records.data()), &size))
    return 0;
  // Both are 0 for a process of several groups of processors.
  DWORD_PTR allowed = 0;
  DWORD_PTR all = 0;
  GetProcessAffinityMask(GetCurrentProcess(), &allowed, &all);
  uint32_t cores = 0;
  int fastest = -1;
  for (DWORD at = 0; at < size;) {
    const auto* record = reinterpret_cast<const Record*>(records.data() + at);
    at += record->Size;
    const PROCESSOR_RELATIONSHIP& core = record->Processor;
    if (allowed != 0 && (core.GroupMask[0].Mask & allowed) == 0) continue;
    if (core.EfficiencyClass > fastest) {
      fastest = core.EfficiencyClass;
      cores = 0;
    }
    if (core.EfficiencyClass == fastest) ++cores;
  }
  return cores;
}
#endif

}  // namespace

uint32_t usable_cores() {
  uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    std::set<std::string> physical;
    uint32_t logical = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      ++logical;
      std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
      std::string siblings;
      physical.insert(std::getline(file, siblings) ? siblings : "cpu" + std::to_string(cpu));
    }
    if (logical > 0) cores = static_cast<uint32_t>(physical.size());
  }
  cores = std::min(cores, cgroup_cores());
#elif defined(__APPLE__)
  // Efficiency cores hold the others back at every barrier.
  int32_t value = 0;
  size_t size = sizeof value;
  if (sysctlbyname("hw.perflevel0.physicalcpu", &value, &size, nullptr, 0) == 0 && value > 0)
    cores = static_cast<uint32_t>(value);
  else if (sysctlbyname("hw.physicalcpu", &value, &size, nullptr, 0) == 0 && value > 0)
    cores = static_cast<uint32_t>(value);
#elif defined(_WIN32)
  if (const uint32_t fastest = fastest_cores(); fastest > 0) cores = std::min(cores, fastest);
#endif
  return std::max(1u, cores);
}

uint64_t available_memory() {
#if defined(__linux__)
  uint64_t available = 0;
  std::ifstream info("/proc/meminfo");
  for (std::string key; info >> key;) {
    if (key == "MemAvailable:" && info >> available) break;
    std::string rest;
    std::getline(info, rest);
  }
  available *= 1024;
  uint64_t limit = 0;
  uint64_t current = 0;
  if (read_number("/sys/fs/cgroup/memory.max", limit) && read_number("/sys/fs/cgroup/memory.current", current)) {
    const uint64_t left = limit > current ? limit - current : 0;
    available = available == 0 ? left : std::min(available, left);
  }
  return available;
#elif defined(__APPLE__)
  vm_statistics64_data_t statistics;
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  if (host_statistics64(mach_host_self(), HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&statistics), &count) !=
      KERN_SUCCESS)
    return 0;
  return (static_cast<uint64_t>(statistics.free_count) + statistics.inactive_count + statistics.purgeable_count) *
         vm_page_size;
#elif defined(_WIN32)
  MEMORYSTATUSEX status;
  status.dwLength = sizeof status;
  return GlobalMemoryStatusEx(&status) ? status.ullAvailPhys : 0;
#else
  return 0;
#endif
}

std::string mebibytes(uint64_t bytes) { return std::to_string((bytes >> 20) + (bytes % (1 << 20) != 0)) + " MiB"; }

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
#if defined(_WIN32)
  localtime_s(&local, &now);
#else
  localtime_r(&now, &local);
#endif
  return local;
}

void return_large_blocks() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
#endif
}

}  // namespace caduceus
