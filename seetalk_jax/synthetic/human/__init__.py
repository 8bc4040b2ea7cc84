"""Human head of the synthetic world: MakeHuman's head mesh with identity targets and ARKit blendshapes."""
