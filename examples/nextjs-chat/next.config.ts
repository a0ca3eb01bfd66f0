import type { NextConfig } from "next";

const config: NextConfig = {
  // The native addon cannot be part of a bundle: Node loads the package from node_modules.
  serverExternalPackages: ["caduceus"],
};

export default config;
