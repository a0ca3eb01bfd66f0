// Modules are loaded by their full names, whatever letters are in them, and one that cannot be loaded says why.
#include "platform/devices.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "check.h"
#include "platform/error.h"
#include "platform/files.h"

using namespace caduceus;
namespace fs = std::filesystem;

namespace {

std::string failure(const std::string& name) {
  try {
    load_gpu_module(name);
    return "";
  } catch (const EngineError& error) {
    CHECK(error.code() == "ENGINE_FAILED");
    return error.what();
  }
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void set_fault(const char* fault) {
#if defined(_WIN32)
  _putenv_s("CADUCEUS_TEST_MODULE", fault);
#else
  setenv("CADUCEUS_TEST_MODULE", fault, 1);
#endif
}

}  // namespace

int main() {
  // No encoding but Unicode has all of these.
  const std::string letters = "J\xC3\xBCrgen \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x91\x8D";
  CLAIM("a name comes back from its path as it was");
  CHECK(to_name(to_path(letters)) == letters);

  const fs::path folder = fs::temp_directory_path() / to_path("caduceus devices " + letters);
  fs::create_directories(folder);
  const fs::path module = folder / to_path(letters + fs::path(CADUCEUS_TEST_MODULE_FILE).extension().string());
  fs::copy_file(CADUCEUS_TEST_MODULE_FILE, module, fs::copy_options::overwrite_existing);

  CLAIM("a module that cannot be used says why, and is not registered");
  CHECK(contains(failure(to_name(folder / "missing.so")), to_name(folder)));
  std::ofstream(folder / "text.so") << "no library";
  CHECK(contains(failure(to_name(folder / "text.so")), " could not be loaded: "));
  set_fault("none");
  CHECK(contains(failure(to_name(module)), "it did not start"));
  set_fault("version");
  CHECK(contains(failure(to_name(module)), "it is of another version of ggml"));
  CHECK(!ggml_backend_reg_by_name("module of a test"));

  CLAIM("a module is loaded from a folder of any name");
  set_fault("");
  CHECK(failure(to_name(module)).empty());
  CHECK(ggml_backend_reg_by_name("module of a test"));

  CLAIM("files are opened by names of any letters; folders and what is there already are not");
  const fs::path file = folder / to_path(letters + ".txt");
  fs::remove(file);
  CHECK(open_new(file) && !open_new(file) && open_regular(file) && !open_regular(folder));
  return report();
}
