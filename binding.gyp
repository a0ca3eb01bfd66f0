# Lets `node-gyp rebuild` and prebuildify run our CMake build; CMake's tree lies outside build/, which a rebuild erases.
{
  "targets": [
    {
      "target_name": "caduceus",
      "type": "none",
      "actions": [
        {
          "action_name": "build",
          "inputs": [],
          "outputs": ["<(PRODUCT_DIR)/caduceus.node"],
          "action": ["node", "scripts/setup.mjs", "install"],
          "message": "Building the addon with CMake"
        }
      ]
    }
  ]
}
