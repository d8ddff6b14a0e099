// A fuzzer without libFuzzer: runs it on files, those named and all in the folders named, and on damaged copies of
// them. So what was once found is looked for in every build, by any compiler.
//   fuzz_NAME [--mutations N] [--seed S] PATH…
// The input under way stands in fuzz_NAME.input, in the working directory.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/mutator.h"

namespace {

namespace fs = std::filesystem;

struct Options {
  unsigned long mutations = 0;  ///< Of each file.
  unsigned long seed = 1;
  std::vector<std::string> paths;
};

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (i + 1 < argc && argument == "--mutations") {
      options.mutations = std::stoul(argv[++i]);
    } else if (i + 1 < argc && argument == "--seed") {
      options.seed = std::stoul(argv[++i]);
    } else {
      options.paths.push_back(argument);
    }
  }
  return options;
}

std::vector<std::string> files_of(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<std::string> read(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>(stream), {}};
}

/// Written first: what breaks a property ends the process.
void run(const std::string& input, const std::string& kept_in) {
  std::ofstream(kept_in, std::ios::binary | std::ios::trunc) << input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  const std::string kept_in = fs::path(argv[0]).filename().string() + ".input";
  std::vector<std::string> inputs;
  for (const std::string& file : files_of(options.paths)) {
    auto input = read(file);
    if (!input) {
      std::fprintf(stderr, "%s cannot be read\n", file.c_str());
      return 2;
    }
    std::fprintf(stderr, "%s\n", file.c_str());
    run(*input, kept_in);
    inputs.push_back(std::move(*input));
  }
  if (inputs.empty()) {
    std::fprintf(stderr, "nothing to replay: expected files or folders of them\n");
    return 2;
  }
  std::fprintf(stderr, "seed %lu\n", options.seed);
  saga::fuzz::Mutator mutator(static_cast<unsigned>(options.seed), inputs);
  for (const std::string& input : inputs) {
    for (unsigned long i = 0; i < options.mutations; ++i) run(mutator.damaged(input), kept_in);
  }
  std::fprintf(stderr, "%zu inputs, %lu mutations of each: all properties hold\n", inputs.size(), options.mutations);
  fs::remove(kept_in);
  return 0;
}
